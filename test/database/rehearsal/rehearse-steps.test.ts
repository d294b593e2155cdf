// Aim: a rehearsal that loads its copy in part gives the figures of one on the whole copy, and never passes where a
// load has failed. Method: no server; a virtual clock; loads that take time and room.
import { expect, test } from "vitest";
import type { DataDatabase } from "../../../src/database/data-database.ts";
import { firstProgress } from "../../../src/database/migration/progress.ts";
import { runSteps } from "../../../src/database/migration/run-steps.ts";
import {
  loadReached,
  moved,
  type RunnerOf,
  type StepsRun,
} from "../../../src/database/migration/runner.ts";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import type { PartialCopy } from "../../../src/database/rehearsal/partial-copy.ts";
import { rehearseSteps } from "../../../src/database/rehearsal/rehearse-steps.ts";
import { silentLog } from "../../../src/log.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const never = new AbortController().signal;

/** A database of one collection. Its load takes an hour and 1,000 bytes; each change of it a second and 10 bytes. */
function createStage(loadOnce: () => void = () => {}) {
  const clock = createVirtualClock();
  const state = { bytes: 50, loaded: false, proven: 0 };
  const copy: PartialCopy = {
    missing: (reach) => (!state.loaded && reach.includes("items") ? ["items"] : []),
    async load() {
      await clock.sleep(3_600_000);
      loadOnce();
      state.bytes += 1_000;
      state.loaded = true;
    },
    async proveMissing() {
      state.proven += 1;
    },
    close: async () => {},
  };
  const apply = async (runner: RunnerOf<StepsRun>) => {
    await loadReached(runner, ["items"]);
    await clock.sleep(1_000);
    state.bytes += 10;
    moved(runner, { ...runner.progress, batches: runner.progress.batches + 1 });
  };
  const database: DataDatabase = {
    catalogue: async () => ({ collections: [] }),
    digests: async () => ({}),
    size: async () => ({ dataSizeBytes: 0, storageSizeBytes: state.bytes, indexSizeBytes: 0 }),
    runSteps: (run) =>
      runSteps(run, {
        isRehearsal: true,
        readProgress: async () => firstProgress("u000002", "one"),
        moveProgress: async (runner, _name, change) =>
          moved(runner, { ...runner.progress, ...change }),
        refuseDeposed: async () => {},
        contextOf: (runner) =>
          ({ applyToCollection: () => apply(runner) }) as unknown as SchemaContext,
      }),
  };
  const rehearse = (step: (context: SchemaContext) => Promise<void>) => {
    const fence = { collection: "fences", id: "master", expect: { epoch: 1 } };
    const run: StepsRun = {
      ...{ upgradeId: "u000002", now: new Date(0), holder: "a1:1", isDead: async () => false },
      ...{ mastership: { epoch: 1, signal: never, fence }, signal: never, clock, log: silentLog },
      steps: [{ name: "one", run: step }],
    };
    const rehearsing = rehearseSteps(database, run, 60_000, copy).catch((error: unknown) => error);
    return { rehearsing, clock, state };
  };
  return { rehearse };
}

const twice = async (context: SchemaContext) => {
  await context.applyToCollection("items", { update: [] });
  await context.applyToCollection("items", { update: [] });
};

test("neither the time nor the room of a load counts, nor does it pass a deadline", async () => {
  const { rehearsing, clock, state } = createStage().rehearse(twice);
  for (let minute = 0; minute < 62; minute += 1) await clock.advance(60_000);
  expect(await rehearsing).toMatchObject({
    result: { kind: "done", batches: 2, figures: [{ step: "one", durationMs: 2_000, batches: 2 }] },
    growthBytes: 20,
  });
  expect(state).toMatchObject({ loaded: true, proven: 1 });
});

test("a step that hangs after a load has its whole time from there, and no more", async () => {
  const { rehearsing, clock, state } = createStage().rehearse(async (context) => {
    await context.applyToCollection("items", { update: [] });
    await new Promise(() => {});
  });
  const settled = () => Promise.race([rehearsing, Promise.resolve("still running")]);
  for (let minute = 0; minute < 60; minute += 1) await clock.advance(60_000);
  await clock.advance(1_000 + 59_999);
  expect(await settled()).toBe("still running");
  await clock.advance(1_000_000);
  expect(await rehearsing).toMatchObject({
    result: { kind: "failed", reason: { code: "timeout" } },
  });
  expect(state.proven).toBe(0);
});

test("a load that fails is no failure of the step, and no success of one that goes on", async () => {
  const failure = new Error("the file is damaged");
  const failOnce = () => {
    throw failure;
  };
  for (const step of [
    twice,
    async (context: SchemaContext) => {
      await context.applyToCollection("items", { update: [] }).catch(() => {});
    },
  ]) {
    const { rehearsing, clock, state } = createStage(failOnce).rehearse(step);
    for (let minute = 0; minute < 62; minute += 1) await clock.advance(60_000);
    expect(await rehearsing).toBe(failure);
    expect(state.proven).toBe(0);
  }
});
