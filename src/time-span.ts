const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;

/**
 * A span of time for people: tenths of a second below a minute, else at most two units, as `3.2 s`, `4 min 10 s`,
 * `2 h`, `3 d 4 h`. It is cut off, not rounded. Pure.
 */
export function timeSpan(ms: number): string {
  const known = Math.max(0, ms);
  const large = units.findIndex(([size, unit]) => known >= size && unit !== "s");
  const [size, unit] = units[large] ?? [1_000, "s"];
  if (unit === "s") return `${(Math.floor(known / 100) / 10).toFixed(1)} s`;
  const [smallSize, smallUnit] = units[large + 1] ?? [1_000, "s"];
  const small = Math.floor((known % size) / smallSize);
  const words = `${Math.floor(known / size)} ${unit}`;
  return small === 0 ? words : `${words} ${small} ${smallUnit}`;
}
