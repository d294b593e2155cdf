/**
 * The version of all that the commands print as JSON. It rises where a line may come that the schema of the version before
 * refuses: a field is gone, has another name, type or meaning, or has a value that its list of values lacks, or there is
 * a new kind of line. A new field does not raise it.
 */
export const formatVersion = 1;

/** A line of JSON. */
export interface Versioned {
  /** The version of the format of all lines. */
  readonly formatVersion: typeof formatVersion;
}
