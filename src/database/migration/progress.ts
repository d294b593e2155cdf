import type { Binary } from "mongodb";
import { brokenRecord, requireRecord } from "../../journal/control-records.ts";
import { collections } from "../../journal/store.ts";
import { type Control, fenceIdOf, fencesOf } from "../../leadership/fences.ts";
import { orderedField } from "../../mongo/bson/ordered-bson.ts";
import { type TypedBytes, unwrapValue } from "../../mongo/bson/typed-bytes.ts";
import { anything, count, fields, flag, list, nullable, text } from "../../shape.ts";

/** Where the schema steps stand: kept in the fence document, so it moves with each batch. */
export interface Progress {
  readonly upgrade: string;
  /** Index of the step under way. */
  readonly step: number;
  readonly stepName: string;
  /** Ordinal of the operation under way within the step. */
  readonly operation: number;
  /** What that operation is, or null before it begins. */
  readonly kind: string | null;
  /** UUID of the collection that it acts on, as found when it began; null where it needs none. */
  readonly target: string | null;
  /** Names that operations of this upgrade have dropped or renamed away: never used again. */
  readonly dropped: readonly string[];
  /** The last `_id` of the last committed batch as bytes (`wrapValue`); null before the first. */
  readonly cursor: { readonly last: Binary } | null;
  /** Committed batches of all steps. */
  readonly batches: number;
  readonly documents: number;
  /** Processes that began at this cursor. */
  readonly startedBy: readonly string[];
  /** Grows with each fenced write of this progress. */
  readonly sequence: number;
  /** All steps are done. */
  readonly finished: boolean;
}

/** Behind which `_id` the next batch begins. */
export function lastOf({ cursor }: Progress): TypedBytes | null {
  return cursor === null ? null : (unwrapValue(cursor.last.buffer) ?? null);
}

/** Where steps begin. */
export function firstProgress(upgrade: string, stepName: string): Progress {
  return {
    upgrade,
    step: 0,
    stepName,
    operation: 0,
    kind: null,
    target: null,
    dropped: [],
    cursor: null,
    batches: 0,
    documents: 0,
    startedBy: [],
    sequence: 0,
    finished: false,
  };
}

/** Reads the progress of an upgrade. */
export async function readProgress(
  control: Control,
  field: "progress" | "rehearsal",
  upgrade: string,
): Promise<Progress | undefined> {
  const bytes = (await fencesOf(control).findOne(
    { _id: fenceIdOf(control) },
    { readConcern: { level: "majority" }, raw: true, projection: { [field]: 1 } },
  )) as unknown as Uint8Array | null;
  if (bytes === null) requireRecord(collections.fences, fenceIdOf(control), bytes);
  const found = bytes === null ? undefined : orderedField(bytes, field);
  if (found === undefined) return undefined;
  const progress = found instanceof Map ? progressOf(found) : undefined;
  const wrong = progressShape(progress, field);
  if (wrong !== null) throw brokenRecord(collections.fences, fenceIdOf(control), wrong);
  return progress?.upgrade === upgrade ? progress : undefined;
}

const progressShape = fields<Progress>({
  ...{ upgrade: text, step: count, stepName: text, operation: count, kind: nullable(text) },
  ...{ target: nullable(text), dropped: list(text), cursor: nullable(anything), batches: count },
  ...{ documents: count, startedBy: list(text), sequence: count, finished: flag },
});

/** A progress as it was written. */
function progressOf(stored: ReadonlyMap<string, unknown>): Progress {
  const cursor = stored.get("cursor");
  const found = Object.fromEntries(stored) as unknown as Progress;
  return {
    ...found,
    cursor: cursor instanceof Map ? { last: cursor.get("last") as Binary } : null,
    step: Number(found.step),
    operation: Number(found.operation),
    batches: Number(found.batches),
    documents: Number(found.documents),
    sequence: Number(found.sequence),
  };
}
