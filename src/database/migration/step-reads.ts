import { LockstepError } from "../../errors.ts";

/** The stages that reach another collection, with the fields that name it. */
const joiningStages: Readonly<Record<string, readonly string[]>> = {
  $lookup: ["from"],
  $graphLookup: ["from"],
  $unionWith: ["coll"],
  $merge: ["into", "coll"],
  $out: ["coll"],
};

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null;

const entriesOf = (value: object): [unknown, unknown][] =>
  value instanceof Map ? [...value] : Object.entries(value);

/** The names in the argument of a joining stage. */
function namesIn(value: unknown, fields: readonly string[]): string[] {
  if (typeof value === "string") return [value];
  if (!isObject(value)) return [];
  return entriesOf(value).flatMap(([field, held]) =>
    fields.includes(String(field)) ? namesIn(held, fields) : [],
  );
}

/** The collections and views that a pipeline joins, however deep in it. Pure. */
export function joinedBy(pipeline: unknown): readonly string[] {
  if (!isObject(pipeline)) return [];
  return entriesOf(pipeline).flatMap(([key, value]) => {
    const fields = Object.hasOwn(joiningStages, String(key)) ? joiningStages[String(key)] : null;
    return [...(fields ? namesIn(value, fields) : []), ...joinedBy(value)];
  });
}

/**
 * Refuses a collection that a step with `reads` does not declare: in its rehearsal that one may have no documents.
 * @throws LockstepError `bad-argument`
 */
export function requireRead(reads: readonly string[] | undefined, name: string): void {
  if (reads === undefined || reads.includes(name)) return;
  throw new LockstepError(
    "bad-argument",
    `transaction: expected only collections that the step's reads names (${reads.join(", ") || "none"}), got "${name}": add it to reads, or leave reads out`,
    { collection: name, reads },
  );
}
