// Aim: generated charts behave as live XState on real servers too, and go on from the documents that these hold. Method:
// the comparison of differential.test.ts in virtual time, with the journal and the workers' records on a real replica set.
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import type { MakeStore } from "../../../src/engine/testing/engine-host.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import type { AnyStore } from "../journal/store-under-test.ts";
import { anyChart, anyPicks, anyScript } from "./chart-spec.ts";
import { newTally } from "./compare.ts";
import { compareEngine } from "./compare-engine.ts";

// XState's development build, which these tests use, warns of each event that comes too late.
vi.spyOn(console, "warn").mockImplementation(() => {});

/** Makes stores on databases of their own, whose time is virtual. A lease is over once its worker's death has ended it. */
async function storesInVirtualTime(): Promise<MakeStore> {
  const client = await openClient();
  return ({ nowMs }) => {
    const databaseName = freshDatabaseName();
    const store = createMongoEngineStore({
      ...{ client, databaseName, clock: systemClock, faultPoints: noFaults },
    });
    onTestFinished(() => store.close());
    const own: Partial<AnyStore> = {
      nowMs: async () => nowMs(),
      async workers() {
        const serverMs = await store.nowMs();
        const workers = await store.workers();
        return workers.map((worker) => ({
          ...worker,
          expiresAtMs: worker.expiresAtMs < serverMs ? -1 : Number.MAX_SAFE_INTEGER,
        }));
      },
    };
    return new Proxy(store, {
      get: (target, name) => {
        const value = own[name as keyof AnyStore] ?? target[name as keyof typeof target];
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as unknown as ReturnType<MakeStore>;
  };
}

test("generated charts behave as live XState on a replica set, without a crash, with one and with two", async () => {
  const makeStore = await storesInVirtualTime();
  const tally = newTally();
  await fc.assert(
    fc.asyncProperty(anyChart, anyScript, anyPicks, (chart, script, picks) =>
      compareEngine(chart, script, picks, tally, makeStore),
    ),
    { numRuns: 6, seed: 4, endOnFailure: true },
  );
  expect(tally.runs).toBe(18);
  expect(tally.steps).toBeGreaterThan(40);
});
