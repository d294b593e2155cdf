import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { type Fence, shownOf } from "../../journal/fence.ts";
import { limits } from "../../limits.ts";

/** The progress of the schema steps, in their rehearsal or on the live data. A figure that is not known is null. */
export interface StepsProgress {
  /** The number of the step under way, from 1, and how many there are. */
  readonly step: number;
  readonly steps: number;
  readonly stepName: string;
  /** The operation under way with its collection, or null between two of them. */
  readonly operation: string | null;
  /** Documents that this operation has looked through. */
  readonly operationDocuments: number;
  /** The documents of its collection when it began. An operation with a filter looks through fewer. */
  readonly operationTotal: number | null;
  readonly batches: number;
  /** The batches of the rehearsal. */
  readonly batchesTotal: number | null;
  readonly documents: number;
  /** The documents of the rehearsal. */
  readonly documentsTotal: number | null;
  readonly documentsPerSecond: number | null;
  /** The expected rest in milliseconds, as a range. */
  readonly etaMs: { readonly least: number; readonly most: number } | null;
}

/** The parts of the rehearsal's time for the work that is done and for the work that is left, by their batches. Pure. */
function rehearsedParts(
  rehearsed: UpgradeContext["rehearsed"],
  step: number,
  batches: number,
): { readonly doneMs: number; readonly leftMs: number } {
  const before = rehearsed.slice(0, step);
  const batchesBefore = before.reduce((sum, figures) => sum + figures.batches, 0);
  const current = rehearsed[step] ?? { batches: 0, durationMs: 0 };
  const part =
    current.batches === 0 ? 0 : Math.min(1, Math.max(0, batches - batchesBefore) / current.batches);
  const totalMs = rehearsed.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const doneMs =
    before.reduce((sum, { durationMs }) => sum + durationMs, 0) + part * current.durationMs;
  return { doneMs, leftMs: Math.max(0, totalMs - doneMs) };
}

/**
 * The rest by the rehearsal's time, and by the time that the work so far took beside the rehearsal's. Both survive a
 * takeover: they are made of journalled figures, and of the time that processes have worked. Pure.
 */
function etaOf(doneMs: number, leftMs: number, workedMs: number): StepsProgress["etaMs"] {
  if (leftMs <= 0) return null;
  const slower = doneMs > 0 && workedMs > 0 ? workedMs / doneMs : 1;
  return {
    least: Math.round(leftMs * Math.min(1, slower) * limits.etaLeastFactor),
    most: Math.round(leftMs * Math.max(1, slower) * limits.etaMostFactor),
  };
}

const rateOf = (documents: number, workedMs: number) =>
  documents > 0 && workedMs > 0 ? Math.round((documents / workedMs) * 1_000) : null;

/** The progress of an upgrade's schema steps by the fence, or null where there is none to show. Pure. */
export function stepsProgress(
  state: string,
  { upgradeId, rehearsed, restoreOf }: UpgradeContext,
  fence: Fence | undefined,
): StepsProgress | null {
  const field = state === "rehearsing" ? "rehearsal" : "progress";
  const progress = fence?.[field];
  const shown = shownOf(progress);
  const isWorking = ["rehearsing", "migrating", "paused"].includes(state) && restoreOf === null;
  if (!isWorking || shown === null || progress?.upgradeId !== upgradeId) return null;
  // A rehearsal begins anew after a takeover: the progress of the earlier one says nothing of it.
  if (field === "rehearsal" && shown.epoch !== fence?.epoch) return null;
  const whole = fence?.rehearsal?.upgradeId === upgradeId ? fence.rehearsal : undefined;
  const known = field === "progress" ? shownOf(whole) : null;
  const isWhole = known?.finished === true;
  // More than there can be: the data has changed since, and the totals are none.
  const isPlausible =
    isWhole && progress.batches <= (whole?.batches ?? 0) && shown.documents <= known.documents;
  const { doneMs, leftMs } = rehearsedParts(rehearsed, progress.step, progress.batches);
  return {
    step: Math.min(progress.step + 1, shown.steps),
    ...{ steps: shown.steps, stepName: shown.stepName, operation: shown.operation },
    operationDocuments: shown.operationDocuments,
    operationTotal:
      shown.operation !== null && shown.operationTotal >= shown.operationDocuments
        ? shown.operationTotal
        : null,
    batches: progress.batches,
    batchesTotal: isPlausible ? (whole?.batches ?? null) : null,
    documents: shown.documents,
    documentsTotal: isPlausible ? known.documents : null,
    // A pause has no rate, and nobody knows its end.
    documentsPerSecond: state === "paused" ? null : rateOf(shown.documents, shown.workedMs),
    etaMs:
      isPlausible && !shown.finished && state !== "paused"
        ? etaOf(doneMs, leftMs, shown.workedMs)
        : null,
  };
}
