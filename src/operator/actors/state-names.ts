function namesIn(value: unknown, path: string): readonly string[] {
  const at = (key: string) => (path === "" ? key : `${path}.${key}`);
  if (typeof value === "string") return [at(value)];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, within]) => [at(key), ...namesIn(within, at(key))]);
}

/** The names of the active states in the text of a state: a name, or JSON of an object. Pure. */
export function activeStatesOf(state: string): readonly string[] {
  if (!state.startsWith("{")) return [state];
  try {
    return namesIn(JSON.parse(state), "");
  } catch {
    return [state];
  }
}
