import { count, fields, figure, flag, list, nullable, optional, text } from "../shape.ts";
import { collections, documentIds, type Store } from "./store.ts";

/** The progress of schema steps: the fields on which every reader relies. The database room writes more. */
export interface FenceProgress {
  readonly upgradeId: string;
  /** Index of the step under way. */
  readonly step: number;
  /** Ordinal of the operation under way within the step. */
  readonly operation: number;
  /** UUID of the collection on which that operation acts; null where it needs none. */
  readonly target?: string | null;
  /** Committed batches of all steps. */
  readonly batches: number;
  /** Grows with each fenced write of this progress. */
  readonly sequence?: number;
  /** For people alone. A record of an earlier build lacks these. */
  readonly shown?: ShownProgress;
}

/** The part of a progress that only people read. It moves with each batch. */
export interface ShownProgress {
  /** The epoch of the run that wrote it. */
  readonly epoch: number;
  /** The number of steps. */
  readonly steps: number;
  readonly stepName: string;
  /** The kind of the operation under way and its collection, or null between operations. */
  readonly operation: string | null;
  /** Documents that the operation has looked through, and those that its collection had when it began. */
  readonly operationDocuments: number;
  readonly operationTotal: number;
  /** Documents that all operations so far have looked through. */
  readonly documents: number;
  /** The milliseconds of work on these documents, by all processes. The time between two processes is left out. */
  readonly workedMs: number;
  /** True once all steps are done. */
  readonly finished: boolean;
}

/** The progress of moving some bytes. */
export interface LoadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** The expected rest in milliseconds, by the time that the bytes so far took. */
  readonly etaMs: number;
}

/** The fence document: the master's epoch, and what moves with it in the same transaction. */
export interface Fence {
  /** No transaction of an older epoch can commit. */
  readonly epoch: number;
  readonly progress?: FenceProgress;
  /** The progress of the schema steps in their rehearsal. */
  readonly rehearsal?: FenceProgress;
  /** The progress of a restore, for people alone: it counts only at its own epoch. */
  readonly restoring?: LoadProgress & { readonly epoch: number };
  /** The sessions whose transactions have changed live data for the upgrade. */
  readonly sessions?: readonly string[];
}

/** A holder that needs the members' history, and for how long. */
export interface HistoryHolder {
  readonly holder: string;
  readonly seconds: number;
  /**
   * When the hold ends by itself, by the database's clock. It is null for an upgrade, whose end releases the hold.
   */
  readonly untilMs: number | null;
}

/** A member's value before, and the values to which it was set since. An operator has set any other value. */
export interface HistoryMember {
  readonly host: string;
  readonly previous: number;
  readonly values: readonly number[];
}

/** The documents beside the fence that record what an upgrade holds back, by their id. */
export interface HeldRecords {
  readonly "write-block": { readonly holder?: string };
  readonly "write-blocks": { readonly holders?: readonly string[] };
  readonly deletions: { readonly hosts?: readonly string[]; readonly holders?: readonly string[] };
  readonly history: {
    readonly holders?: readonly HistoryHolder[];
    readonly members?: readonly HistoryMember[];
  };
}

const shownShape = fields<ShownProgress>({
  ...{ epoch: count, steps: count, stepName: text, operation: nullable(text), finished: flag },
  ...{ operationDocuments: count, operationTotal: count, documents: count, workedMs: count },
});

/** The part of a progress for people, or null where it is absent or broken: nothing depends on it. Pure. */
export function shownOf(progress: FenceProgress | undefined): ShownProgress | null {
  const { shown } = progress ?? {};
  return shown !== undefined && shownShape(shown, "") === null ? shown : null;
}

const progressShape = fields<Required<Omit<FenceProgress, "target" | "sequence" | "shown">>>({
  ...{ upgradeId: text, step: count, operation: count, batches: count },
});

export const fenceShape = fields<Omit<Fence, "rehearsal" | "restoring">>({
  ...{ epoch: count, progress: optional(progressShape), sessions: optional(list(text)) },
});

export const writeBlocksShape = fields<HeldRecords["write-blocks"]>({
  holders: optional(list(text)),
});

export const deletionsShape = fields<HeldRecords["deletions"]>({
  ...{ hosts: optional(list(text)), holders: optional(list(text)) },
});

const holderShape = fields<HistoryHolder>({
  ...{ holder: text, seconds: figure, untilMs: nullable(figure) },
});
const memberShape = fields<HistoryMember>({ host: text, previous: figure, values: list(figure) });

export const historyShape = fields<HeldRecords["history"]>({
  ...{ holders: optional(list(holderShape)), members: optional(list(memberShape)) },
});

/** The fence as the store has it, unchecked; undefined before the first master. */
export async function fenceOf(store: Pick<Store, "get">): Promise<Fence | undefined> {
  const found = await store.get(collections.fences, documentIds.master);
  return found as unknown as Fence | undefined;
}
