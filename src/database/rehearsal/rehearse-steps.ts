import { assert } from "../../errors.ts";
import type { Catalogue } from "../../mongo/catalogue/catalogue.ts";
import { occupied } from "../../mongo/requirements/space.ts";
import type { DataDatabase } from "../data-database.ts";
import type { StepsEnd } from "../migration/run-steps.ts";
import type { Reach, StepsRun } from "../migration/runner.ts";
import type { PartialCopy } from "./partial-copy.ts";
import { runStepsWithDeadline } from "./steps-with-deadline.ts";

/** The outcome of schema steps on a copy. */
export interface Rehearsed {
  readonly result: StepsEnd;
  /** The definitions that they have left. */
  readonly catalogue: Catalogue;
  /** Bytes of a member's disk that the copy takes more than before. */
  readonly growthBytes: number;
}

/** Loads what steps reach, and measures by how much that fills a disk. */
function loadingOf(database: DataDatabase, copy: PartialCopy) {
  const loading = { bytes: 0, failure: null as { readonly error: unknown } | null };
  const load = async (reach: Reach): Promise<void> => {
    const names = copy.missing(reach);
    if (names.length === 0) return;
    const before = occupied(await database.size());
    await copy.load(names);
    loading.bytes += occupied(await database.size()) - before;
  };
  return {
    loading,
    load: (reach: Reach) =>
      load(reach).catch((error: unknown) => {
        loading.failure ??= { error };
        throw error;
      }),
  };
}

/**
 * Tries schema steps on a copy, in an upgrade or by hand: it measures them, and gives up steps that hang.
 * @param copy default: all of it is loaded
 * @throws LockstepError where a part of the copy could not be loaded: the steps have no fault then
 */
export async function rehearseSteps(
  database: DataDatabase,
  run: StepsRun,
  noProgressMs: number,
  copy?: PartialCopy,
): Promise<Rehearsed> {
  const before = occupied(await database.size());
  const partly = copy && loadingOf(database, copy);
  const result = await runStepsWithDeadline(
    { ...run, ...(partly ? { load: partly.load } : {}) },
    noProgressMs,
    (each) => database.runSteps(each),
  );
  assert(result.kind !== "paused", "nobody pauses a rehearsal");
  // A step may have gone on all the same, on a collection without its documents.
  if (partly?.loading.failure) throw partly.loading.failure.error;
  const catalogue = await database.catalogue();
  const grownBytes = occupied(await database.size()) - before - (partly?.loading.bytes ?? 0);
  if (result.kind === "done") await copy?.proveMissing();
  return { result, catalogue, growthBytes: Math.max(0, grownBytes) };
}
