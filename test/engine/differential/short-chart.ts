/** A chart without what is empty, for people. */
export function shortChart(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shortChart);
  if (typeof value !== "object" || value === null) return value;
  const said = Object.entries(value).filter(
    ([key, part]) =>
      part !== null &&
      part !== false &&
      !(Array.isArray(part) && part.length === 0) &&
      !(key === "initial" && part === 0),
  );
  return Object.fromEntries(said.map(([key, part]) => [key, shortChart(part)]));
}
