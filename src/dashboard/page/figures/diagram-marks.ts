/** The parts of a diagram that are marked. */
export interface DiagramMarks {
  readonly active: readonly string[];
  /** The keys of the edges that were taken, and of those that the last event took. */
  readonly taken: readonly string[];
  readonly last: readonly string[];
}

/** True where one of the edges leads between these states: `FROM EVENT -> TO`. Pure. */
export function leads(keys: readonly string[], from: string, to: string): boolean {
  return keys.some((key) => key.startsWith(`${from} `) && key.endsWith(` -> ${to}`));
}
