import type { Binary } from "mongodb";
import { brokenRecord, requireRecord } from "../../journal/broken-record.ts";
import type { FenceProgress } from "../../journal/fence.ts";
import { collections } from "../../journal/store.ts";
import { type Control, fenceIdOf, fencesOf } from "../../leadership/fences.ts";
import { type TypedBytes, unwrapValue } from "../../mongo/bson/elements.ts";
import { orderedField } from "../../mongo/bson/ordered-bson.ts";
import { anything, count, fields, flag, list, nullable, optional, text } from "../../shape.ts";

/** The progress of the schema steps. The fence document keeps it, so it moves with each batch. */
export interface Progress extends FenceProgress {
  readonly stepName: string;
  /** The kind of that operation, or null before it begins. */
  readonly kind: string | null;
  readonly target: string | null;
  /** Names that operations of this upgrade have dropped or renamed. No step may use them again. */
  readonly dropped: readonly string[];
  /** The last `_id` of the last committed batch as bytes (`wrapValue`). It is null before the first batch. */
  readonly cursor: { readonly last: Binary } | null;
  readonly documents: number;
  /** The processes that began at this cursor. */
  readonly startedBy: readonly string[];
  readonly sequence: number;
  /** True once all steps are done. */
  readonly finished: boolean;
}

/** The `_id` after which the next batch begins, or null at the beginning. */
export function lastOf({ cursor }: Progress): TypedBytes | null {
  return cursor === null ? null : (unwrapValue(cursor.last.buffer) ?? null);
}

/** The progress at the beginning. */
export function firstProgress(upgradeId: string, stepName: string): Progress {
  return {
    upgradeId,
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
  upgradeId: string,
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
  return progress?.upgradeId === upgradeId ? progress : undefined;
}

const progressShape = fields<Progress>({
  ...{ upgradeId: text, step: count, stepName: text, operation: count, kind: nullable(text) },
  ...{ target: nullable(text), dropped: list(text), cursor: nullable(anything), batches: count },
  ...{ documents: count, startedBy: list(text), sequence: count, finished: flag },
  shown: optional(anything),
});

/** The part for people, whose figures come as the driver's types. */
function shownIn(stored: unknown): Pick<Progress, "shown"> {
  if (!(stored instanceof Map)) return {};
  const plain = [...stored].map(([name, value]) => [
    name,
    typeof value === "object" && value !== null ? Number(value) : value,
  ]);
  return { shown: Object.fromEntries(plain) };
}

/** Turns a stored progress into ours. */
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
    ...shownIn(stored.get("shown")),
  };
}
