import type { Document, MongoClient } from "mongodb";
import { collections, documentIds } from "../store/store.ts";

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
  /** The last `_id` of the last committed batch, wrapped; null before the first. */
  readonly cursor: { readonly last: unknown } | null;
  /** Committed batches of all steps. */
  readonly batches: number;
  readonly documents: number;
  /** Processes that began at this cursor. */
  readonly starters: readonly string[];
  /** Grows with each fenced write of this progress. */
  readonly ticks: number;
  /** All steps are done. */
  readonly finished: boolean;
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
    starters: [],
    ticks: 0,
    finished: false,
  };
}

/** Reads the progress of an upgrade, types of its cursor kept. */
export async function readProgress(
  control: { client: MongoClient; databaseName: string },
  field: "progress" | "rehearsal",
  upgrade: string,
): Promise<Progress | undefined> {
  const fence = await control.client
    .db(control.databaseName)
    .collection<{ _id: string } & Document>(collections.fences)
    .findOne(
      { _id: documentIds.master },
      { readConcern: { level: "majority" }, promoteValues: false, projection: { [field]: 1 } },
    );
  const found = fence?.[field] as Progress | undefined;
  if (!found || found.upgrade !== upgrade) return undefined;
  return {
    ...found,
    step: Number(found.step),
    operation: Number(found.operation),
    batches: Number(found.batches),
    documents: Number(found.documents),
    ticks: Number(found.ticks),
  };
}
