import type { Progress } from "../../../src/database/migration/progress.ts";
import type { StepsDatabase } from "../../../src/database/migration/run-steps.ts";
import {
  loadReached,
  moved,
  pauseIfAsked,
  type RunnerOf,
  type StepsRun,
  startedByAfterCommit,
} from "../../../src/database/migration/runner.ts";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import { LockstepError } from "../../../src/errors.ts";
import { collections, documentIds, type Plain, type Store } from "../../../src/journal/store.ts";
import { deposed } from "../../../src/leadership/fenced-transaction.ts";
import { type Data, dataDocument, withBatch } from "./data.ts";

type Runner = RunnerOf<StepsRun>;
type Operation = (name: string) => Promise<void>;

/** The context of a step whose operations are batches by name; those that are done are skipped. */
function contextOf(runner: Runner, track: Set<Promise<void>>, act: Operation): SchemaContext {
  let asked = 0;
  const applyToCollection = (name: string): Promise<void> => {
    const ordinal = asked;
    asked += 1;
    if (ordinal < runner.progress.operation) return Promise.resolve();
    const work = (async () => {
      pauseIfAsked(runner);
      await act(name);
    })();
    track.add(work);
    return work.finally(() => track.delete(work));
  };
  return { applyToCollection } as Partial<SchemaContext> as SchemaContext;
}

function afterBatch(runner: Runner, isRehearsal: boolean): Partial<Progress> {
  const { operation, batches } = runner.progress;
  const startedBy = startedByAfterCommit(runner, isRehearsal);
  return { operation: operation + 1, batches: batches + 1, startedBy };
}

async function readFence(store: Store) {
  const fence = await store.get(collections.fences, documentIds.master);
  return { epoch: Number(fence?.["epoch"]), progress: fence?.["progress"] as Progress | undefined };
}

/** The live data: the fence, the progress and the data change together, once or not at all. */
export function liveSteps(
  store: Store,
  beforeBatch: (run: StepsRun, batch: number) => Promise<void>,
): StepsDatabase<StepsRun> {
  const refuseDeposed = async ({ mastership: { epoch } }: StepsRun) => {
    if ((await readFence(store)).epoch !== epoch) throw deposed(epoch);
  };
  const move = async (
    runner: Runner,
    change: Partial<Progress>,
    increment: Record<string, number>,
  ) => {
    const { options, progress } = runner;
    const { fence } = options.mastership;
    const next: Progress = { ...progress, ...change };
    // The very first write expects no progress of this upgrade, each other one that of its predecessor.
    const before: Record<string, Plain> =
      progress.sequence === 0
        ? {}
        : { "progress.upgradeId": options.upgradeId, "progress.sequence": progress.sequence };
    const written = { ...next, sequence: progress.sequence + 1 };
    const refused = await store.write([
      {
        ...fence,
        expect: { ...fence.expect, ...before },
        set: { progress: written as unknown as Plain },
      },
      { ...dataDocument, expect: {}, increment },
    ]);
    if (refused !== null) {
      await refuseDeposed(options);
      throw new LockstepError("conflict", "the progress is not where this run left it");
    }
    moved(runner, next);
  };
  return {
    isRehearsal: false,
    async readProgress(upgradeId) {
      const { progress } = await readFence(store);
      return progress?.upgradeId === upgradeId ? progress : undefined;
    },
    moveProgress: (runner, _name, change) => move(runner, change, {}),
    refuseDeposed,
    contextOf: (runner, _step, track) =>
      contextOf(runner, track, async (name) => {
        await beforeBatch(runner.options, runner.progress.batches);
        await move(runner, afterBatch(runner, false), { [`applied.${name}`]: 1 });
      }),
  };
}

/** A scratch database: it belongs to one rehearsal of one process. Its documents are loaded where they are reached. */
export function scratchSteps(
  scratch: { data: Data; readonly isLoaded: boolean },
  beforeBatch: (run: StepsRun, batch: number) => Promise<void>,
  problem: (words: string) => void,
): StepsDatabase<StepsRun> {
  const move = async (runner: Runner, change: Partial<Progress>) =>
    moved(runner, { ...runner.progress, ...change });
  return {
    isRehearsal: true,
    readProgress: async () => undefined,
    moveProgress: (runner, _name, change) => move(runner, change),
    refuseDeposed: async () => {},
    contextOf: (runner, _step, track) =>
      contextOf(runner, track, async (name) => {
        await loadReached(runner, ["films"]);
        if (!scratch.isLoaded)
          problem("S6: a step was rehearsed on a collection without documents");
        await beforeBatch(runner.options, runner.progress.batches);
        scratch.data = withBatch(scratch.data, name);
        await move(runner, afterBatch(runner, true));
      }),
  };
}
