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

const end = /\r?\n\r?\n/;
/** An end that is cut in two has at most so many characters in its first part. */
const endLengthMax = 3;

/**
 * Takes a stream of server-sent events apart. An event that was cut off at its end does not count. An event of megabytes
 * comes in many chunks, so an end is looked for in the new text alone.
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let before = "";
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    parts.push(text);
    const isInside = !end.test(before + text);
    before = (before + text).slice(-endLengthMax);
    if (isInside) continue;
    const blocks = parts.join("").split(end);
    const rest = blocks.pop() ?? "";
    [parts, before] = [[rest], rest.slice(-endLengthMax)];
    for (const block of blocks) {
      const event = eventOf(block);
      if (event) yield event;
    }
  }
}
