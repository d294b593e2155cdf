/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** The event of one block of lines, or null for a block without data. Pure. */
function eventOf(block: string): ServerEvent | null {
  const fields = block.split(/\r?\n/).map((line) => {
    const colon = line.indexOf(":");
    if (colon < 0) return [line, ""] as const;
    const value = line.slice(colon + 1);
    return [line.slice(0, colon), value.startsWith(" ") ? value.slice(1) : value] as const;
  });
  const data = fields.filter(([name]) => name === "data").map(([, value]) => value);
  if (data.length === 0) return null;
  const last = (wanted: string) => fields.findLast(([name]) => name === wanted)?.[1];
  return { event: last("event") ?? "message", id: last("id") ?? null, data: data.join("\n") };
}

/** Takes a stream of server-sent events apart. An event that was cut off at its end does not count. */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventOf(block);
      if (event) yield event;
    }
  }
}
