// Aim: while an upgrade is paused, TTL deletion rests, disks are watched, and writes from outside are found, as beside a
// step that works. Method: the effect over the memory store, in virtual time, and a database that notes each call.
import { describe, expect, test } from "vitest";
import { LockstepError } from "../../../src/errors.ts";
import type { EffectContext } from "../../../src/fleet-engine/engine.ts";
import { collections, documentIds } from "../../../src/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import type { AgentWorld } from "../../../src/upgrade/agent-world.ts";
import { keepHolds } from "../../../src/upgrade/coordinator/effects/keep-holds.ts";
import { createScheduler } from "../../simulation/scheduler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { backup, to, upgradeId } from "../protocol/facts.ts";

async function paused(hasBegun: boolean) {
  const scheduler = createScheduler();
  const store = createMemoryStore({ now: scheduler.nowMs });
  const progress = hasBegun ? { progress: { upgradeId, step: 0, operation: 0, batches: 1 } } : {};
  const set = { epoch: 1, ...progress };
  await store.write([
    { collection: collections.fences, id: documentIds.master, expect: null, set },
  ]);
  const looks = { deletions: 0, room: 0, writes: 0 };
  const trouble: { room: LockstepError | null; writes: LockstepError | null } = {
    ...{ room: null, writes: null },
  };
  const look = (what: keyof typeof looks, error: () => LockstepError | null) => async () => {
    looks[what] += 1;
    const thrown = error();
    if (thrown) throw thrown;
  };
  const database = {
    live: { size: async () => ({ dataSizeBytes: 1, storageSizeBytes: 1, indexSizeBytes: 1 }) },
    pauseDeletions: look("deletions", () => null),
    requireRoom: look("room", () => trouble.room),
    refuseForeignWrites: look("writes", () => trouble.writes),
  };
  const clock = { monotonicMs: scheduler.nowMs, sleep: scheduler.sleep };
  const mastership = () => ({ epoch: 1, signal: new AbortController().signal });
  const world = { store, database, clock, log: silentLog, mastership } as unknown as AgentWorld;
  const ending = new AbortController();
  const context: EffectContext = {
    ...{ id: "upgrade/u000002/9/0", actor: "upgrade/u000002", attempt: 1, epoch: 1 },
    ...{ signal: ending.signal, log: silentLog, latest: () => expect.unreachable() },
  };
  const outcome = keepHolds(world)({ upgradeId, to, backup }, context);
  const settled = outcome.then(
    (event) => event,
    (error: unknown) => error,
  );
  const pass = (times: number) => scheduler.run(scheduler.nowMs() + times * limits.memberWatchMs);
  return { looks, trouble, ending, settled, pass };
}

describe("a paused upgrade", () => {
  test("looks again and again, until it is cancelled", async () => {
    const { looks, ending, settled, pass } = await paused(true);
    await pass(10);
    expect(looks.deletions).toBeGreaterThanOrEqual(10);
    expect([looks.room, looks.writes]).toEqual([looks.deletions, looks.deletions]);
    ending.abort(new LockstepError("aborted", "the effect was cancelled"));
    await pass(1);
    expect(await settled).toMatchObject({ code: "aborted" });
    const before = { ...looks };
    await pass(5);
    expect(looks).toEqual(before);
  });

  test.each([
    ["room", "disk-full"],
    ["writes", "foreign-writes"],
  ] as const)("turns back where there is no %s any more", async (what, code) => {
    const { trouble, settled, pass } = await paused(true);
    await pass(3);
    trouble[what] = new LockstepError(code, "found");
    await pass(2);
    expect(await settled).toMatchObject({ type: "migrationFailed", reason: { code } });
  });

  test("a look that fails for another cause is no trouble of the upgrade", async () => {
    const { trouble, looks, ending, settled, pass } = await paused(true);
    trouble.room = new LockstepError("database-unreachable", "a member is away");
    await pass(5);
    expect(looks.room).toBeGreaterThanOrEqual(5);
    ending.abort(new LockstepError("aborted", "the effect was cancelled"));
    await pass(1);
    expect(await settled).toMatchObject({ code: "aborted" });
  });

  test("before the first batch, writes from outside are left to the migration, which takes new copies", async () => {
    const { looks, ending, pass } = await paused(false);
    await pass(5);
    expect(looks).toMatchObject({ writes: 0, deletions: looks.room });
    expect(looks.room).toBeGreaterThanOrEqual(5);
    ending.abort(new LockstepError("aborted", "the effect was cancelled"));
  });
});
