const units: readonly (readonly [number, string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** A delay in words: `5 s`, `1 h`, `250 ms`, or the name that the machine gave it. Pure. */
function delayWords(delay: string): string {
  const ms = Number(delay);
  if (!Number.isFinite(ms)) return delay;
  const [size, unit] = units.find(([each]) => ms >= each && ms % each === 0) ?? [1, "ms"];
  return `${ms / size} ${unit}`;
}

/**
 * The type of an event in words. XState names its own events after ids, which say little to a reader. Pure.
 * @param sources the name of the logic for the id of each invocation of the state
 */
export function eventWords(type: string, sources: ReadonlyMap<string, string>): string {
  const invocation = /^xstate\.(done\.actor|error\.actor|snapshot)\.(.*)$/.exec(type);
  if (invocation) {
    const [, kind = "", id = ""] = invocation;
    const said = { "done.actor": "done", "error.actor": "failed" }[kind] ?? "snapshot";
    return `${said}: ${sources.get(id) ?? id}`;
  }
  const [, delay] = /^xstate\.after\.([^.]*)\./.exec(type) ?? [];
  if (delay !== undefined) return `after ${delayWords(delay)}`;
  if (type.startsWith("xstate.done.state.")) return "done";
  if (type === "") return "always";
  return type === "*" ? "any event" : type;
}

/** The condition of an edge in words: its event, and its guard. Pure. */
export function edgeWords({
  event,
  guard,
}: {
  readonly event: string;
  readonly guard: string | null;
}): string {
  if (event === "always") return guard === null ? "at once" : `when ${guard}`;
  return guard === null ? event : `${event}, if ${guard}`;
}
