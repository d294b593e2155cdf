import { describe, expect, test } from "vitest";
import { createAppender } from "../../../src/engine/actor/appender.ts";
import { createDatabaseClock } from "../../../src/engine/actor/database-clock.ts";
import type { Entry } from "../../../src/engine/journal/entry.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import type { EngineStore, PartitionRecord } from "../../../src/engine/journal/store.ts";
import { LeaseLoop } from "../../../src/engine/worker/lease-loop.ts";
import { LockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { type Log, silentLog } from "../../../src/log.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

type Calls = Partial<EngineStore>;

function setUp(change: (store: EngineStore) => Calls = () => ({}), log: Log = silentLog) {
  const clock = createVirtualClock();
  /** The clock of the database is ahead by so much. */
  const ahead = { ms: 0 };
  const inner = createMemoryEngineStore({ nowMs: () => clock.monotonicMs() + ahead.ms });
  const calls = change(inner);
  const store = new Proxy(inner, {
    get: (target, name: keyof EngineStore) =>
      calls[name] ?? (target[name] as () => unknown).bind(target),
  }) as EngineStore;
  const owned: PartitionRecord[] = [];
  const closed: string[] = [];
  let names = 0;
  const lease = new LeaseLoop(
    {
      ...{ store, clock, databaseClock: createDatabaseClock(store, clock), log },
      random: {
        hex() {
          names += 1;
          return `n${names}`;
        },
      },
      ...{ machines: ["order@1.0.0"], host: "here", pid: 1, leaseTtlMs: 3_000 },
    },
    {
      onOwned: (record) => void owned.push(record),
      onClosed: async (partition) => void closed.push(partition),
    },
  );
  return { inner, clock, ahead, lease, owned, closed };
}

/** Another worker, of which no more is heard, owns all partitions. Its lease is 3 s. */
async function ownedByOther(inner: EngineStore) {
  await inner.prepare(["order"]);
  const other = { worker: "other", epoch: 1, machines: ["order@1.0.0"], host: "there", pid: 2 };
  await inner.register(other, 3_000);
  const free = await inner.partitions();
  await Promise.all(free.map((record) => inner.assign(record, "other")));
  return { other, free };
}

const away = () => new LockstepError("database-unreachable", "gone");

describe("a lease", () => {
  test("the partitions of a worker that died are taken as soon as its lease is over", async () => {
    const { inner, clock, lease, owned } = setUp();
    const { other, free } = await ownedByOther(inner);
    lease.start();
    await clock.advance(2_000);
    await inner.renew(other, 1_100);
    await clock.advance(1_099);
    // A look between two renewals of its own would come 650 ms later.
    expect(owned.length).toBeLessThan(free.length);
    await clock.advance(1 + limits.workerExpiryLookMs);
    expect(owned.map(({ partition }) => partition).toSorted()).toEqual(
      free.map(({ partition }) => partition).toSorted(),
    );
    await lease.stop();
  });

  test("a worker goes on looking where the database's clock cannot be read at first", async () => {
    let failures = 3;
    const { inner, clock, lease, owned } = setUp((store) => ({
      async nowMs() {
        failures -= 1;
        if (failures >= 0) throw away();
        return store.nowMs();
      },
    }));
    const { free } = await ownedByOther(inner);
    lease.start();
    await clock.advance(6_000);
    expect(owned).toHaveLength(free.length);
    await lease.stop();
  });

  test("a claim that is answered after the lease was lost opens nothing under the next one", async () => {
    const held: (() => void)[] = [];
    let isSlow = true;
    const { inner, clock, lease, owned } = setUp((store) => ({
      async assign(...values) {
        const epoch = await store.assign(...values);
        if (isSlow) await new Promise<void>((resolve) => held.push(resolve));
        return epoch;
      },
    }));
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(200);
    expect(held.length).toBeGreaterThan(0);
    const [first] = await inner.workers();
    // Another worker fences it out, and it finds that out.
    await inner.renew(first as never, -1);
    await inner.fenceOut(first?.worker as string, 1);
    await clock.advance(2_000);
    expect(lease.fence.worker).not.toBe(first?.worker);
    isSlow = false;
    for (const answer of held) answer();
    await clock.advance(2_000);
    const partitions = await inner.partitions();
    const current = new Map(partitions.map((record) => [record.partition, record]));
    for (const { partition, worker, epoch } of owned) {
      expect({ worker, epoch }).toEqual({
        worker: current.get(partition)?.worker,
        epoch: current.get(partition)?.epoch,
      });
    }
  });

  test("a registration whose answer was lost does not lengthen the lease", async () => {
    let isLost = true;
    let registrations = 0;
    const { inner, clock, lease } = setUp((store) => ({
      async register(...values) {
        registrations += 1;
        const isThere = await store.register(...values);
        if (!isLost) return isThere;
        isLost = false;
        throw away();
      },
    }));
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(limits.workerRetryMs + 10);
    expect(registrations).toBe(2);
    const [{ expiresAtMs } = { expiresAtMs: 0 }] = await inner.workers();
    expect(expiresAtMs).toBe(limits.workerRetryMs + 3_000);
  });

  test("a lease that ran out and was renewed gives its partitions larger epochs", async () => {
    let isAway = false;
    const { inner, clock, lease, owned, closed } = setUp((store) => ({
      async renew(...values) {
        if (isAway) throw away();
        return store.renew(...values);
      },
    }));
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(1_000);
    const before = new Map(owned.map(({ partition, epoch }) => [partition, epoch]));
    expect(before.size).toBe(limits.partitionsOfMachine);
    isAway = true;
    await clock.advance(4_000);
    expect(closed).toHaveLength(limits.partitionsOfMachine);
    isAway = false;
    owned.length = 0;
    await clock.advance(4_000);
    expect(owned).toHaveLength(limits.partitionsOfMachine);
    for (const { partition, epoch } of owned) expect(epoch).toBe((before.get(partition) ?? 0) + 1);
  });

  test("a trouble of the lease that stays is said once, and again after a renewal", async () => {
    let isAway = false;
    const said: string[] = [];
    const log = {
      ...silentLog,
      info: (_fields: unknown, message: string) => void said.push(message),
    };
    const { inner, clock, lease } = setUp(
      (store) => ({
        async renew(...values) {
          if (isAway) throw away();
          return store.renew(...values);
        },
      }),
      log,
    );
    await inner.prepare(["order"]);
    lease.start();
    for (const times of [1, 2]) {
      await clock.advance(1_000);
      isAway = true;
      await clock.advance(60_000);
      isAway = false;
      await clock.advance(1_000);
      expect(said).toEqual(Array(times).fill("a worker could not reach the database"));
    }
    await lease.stop();
  });

  test("a worker ends in order though it cannot give its partitions back", async () => {
    let isAway = false;
    const { inner, clock, lease } = setUp((store) => ({
      async assign(...values) {
        if (isAway) throw away();
        return store.assign(...values);
      },
    }));
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(1_000);
    isAway = true;
    await lease.stop();
    expect(await inner.workers()).toEqual([]);
  });

  test("a worker that closes keeps its lease until its work has ended", async () => {
    const clock = createVirtualClock();
    const store = createMemoryEngineStore({ nowMs: () => clock.monotonicMs() });
    await store.prepare(["order"]);
    let endWork = () => {};
    const worked = new Promise<void>((resolve) => {
      endWork = resolve;
    });
    const lease = new LeaseLoop(
      {
        ...{ store, clock, databaseClock: createDatabaseClock(store, clock), log: silentLog },
        ...{ random: { hex: () => "a" }, machines: ["order@1.0.0"], host: "here", pid: 1 },
        leaseTtlMs: 3_000,
      },
      { onOwned() {}, onClosed: () => worked },
    );
    lease.start();
    await clock.advance(1_000);
    const stopping = lease.stop();
    await clock.advance(10_000);
    expect((await store.workers())[0]?.expiresAtMs).toBeGreaterThan(clock.monotonicMs());
    endWork();
    await stopping;
    expect(await store.workers()).toEqual([]);
  });
});

const other = { worker: "other", epoch: 1, machines: ["order@1.0.0"], host: "there", pid: 2 };

describe("a look at the partitions", () => {
  test("takes nothing from a worker that comes while it is under way", async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { inner, clock, lease, owned } = setUp((store) => ({
      async partitions() {
        await held;
        return store.partitions();
      },
    }));
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(100);
    await inner.register(other, 60_000);
    for (const record of await inner.partitions()) await inner.assign(record, other.worker);
    goOn();
    await clock.advance(100);
    expect(owned).toEqual([]);
    expect(new Set((await inner.partitions()).map(({ worker }) => worker))).toEqual(
      new Set(["other"]),
    );
  });

  test("closes what the records give to another worker", async () => {
    const { inner, clock, lease, owned, closed } = setUp();
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(1_000);
    const [first] = owned;
    await inner.register(other, 600_000);
    expect(await inner.assign(first as PartitionRecord, other.worker)).not.toBeNull();
    await clock.advance(limits.workerLookFloorMs + 1_000);
    expect(closed).toContain(first?.partition);
    expect(lease.isOwned(first as PartitionRecord)).toBe(false);
    expect((await inner.partitions())[0]?.worker).toBe("other");
  });

  test("leaves the judgement of a lease to the server, also of one that ends far ahead", async () => {
    const { inner, clock, ahead, lease, owned } = setUp();
    await inner.prepare(["order"]);
    ahead.ms = 3_600_000;
    await inner.register(other, 3_000);
    ahead.ms = 0;
    for (const record of await inner.partitions()) await inner.assign(record, other.worker);
    lease.start();
    await clock.advance(2_000);
    expect(owned).toHaveLength(limits.partitionsOfMachine);
    expect((await inner.workers()).map(({ worker }) => worker)).toEqual([lease.fence.worker]);
  });

  test("fences a dead worker out once, though nobody claims its partitions", async () => {
    const fenced: string[] = [];
    const { inner, clock, lease } = setUp((store) => ({
      fenceOut(...values) {
        fenced.push(values[0]);
        return store.fenceOut(...values);
      },
    }));
    await inner.prepare(["order", "renamed"]);
    await inner.register({ ...other, machines: ["renamed@1.0.0"] }, 1);
    const [record] = (await inner.partitions()).filter(({ machine }) => machine === "renamed");
    await inner.assign(record as PartitionRecord, other.worker);
    await clock.advance(10);
    lease.start();
    await clock.advance(60_000);
    expect(fenced).toEqual(["other"]);
    expect(await inner.workers()).toHaveLength(1);
  });

  test("costs an idle worker a read of the workers, and seldom one of the partitions", async () => {
    const reads = { workers: 0, partitions: 0 };
    const { inner, clock, lease } = setUp((store) => ({
      workers() {
        reads.workers += 1;
        return store.workers();
      },
      partitions() {
        reads.partitions += 1;
        return store.partitions();
      },
    }));
    await inner.prepare(["order"]);
    lease.start();
    await clock.advance(5_000);
    const [before] = [{ ...reads }];
    await clock.advance(6 * limits.workerLookFloorMs);
    expect(reads.partitions - before.partitions).toBeLessThanOrEqual(6);
    expect(reads.workers - before.workers).toBeGreaterThan(60);
  });
});

describe("the database's clock in a process", () => {
  function clockOf(answers: readonly { readonly outMs: number; readonly backMs: number }[]) {
    const clock = createVirtualClock();
    const waiting = [...answers];
    const store = {
      async nowMs() {
        const { outMs, backMs } = waiting.shift() ?? { outMs: 0, backMs: 0 };
        if (outMs > 0) await clock.sleep(outMs);
        const nowMs = 1_000_000 + clock.monotonicMs();
        if (backMs > 0) await clock.sleep(backMs);
        return nowMs;
      },
    };
    return { clock, databaseClock: createDatabaseClock(store, clock) };
  }

  test("a slow answer is never ahead of the database's clock, and hides no better one", async () => {
    const { clock, databaseClock } = clockOf([
      { outMs: 0, backMs: 0 },
      { outMs: 0, backMs: 4_000 },
      { outMs: 4_000, backMs: 0 },
    ]);
    for (const untilMs of [0, 10_500, 15_000, 26_000, 31_000]) {
      await clock.advance(untilMs - clock.monotonicMs());
      const reading = databaseClock.nowMs();
      expect(await reading).toBe(1_000_000 + untilMs);
    }
  });

  test("the first answer counts as if it had been on its way back all the time", async () => {
    const { clock, databaseClock } = clockOf([{ outMs: 3_000, backMs: 1_000 }]);
    const reading = databaseClock.nowMs();
    await clock.advance(4_000);
    expect(await reading).toBe(1_003_000);
  });
});

test("two first entries of one actor go into two groups, and fail nothing else", async () => {
  const store = createMemoryEngineStore({ nowMs: () => 0 });
  const appender = createAppender(store);
  const entryOf = (actor: string, nonce: string): Entry => ({
    ...{ actor, startedAtMs: 0, revision: 0, partition: "order/0", machine: "order" },
    ...{ version: "1.0.0" },
    ...{ kind: "created", eventType: "lockstep.created", event: "", nonce, outcome: "applied" },
    ...{ state: "open", tags: [], status: "active", snapshot: "{}", timers: [], work: [] },
    ...{ atMs: 0, sinceMs: 0 },
  });
  const results = await Promise.all([
    appender.append(entryOf("a", "1")),
    appender.append(entryOf("a", "2")),
    appender.append(entryOf("b", "3")),
  ]);
  expect(results.map(({ kind }) => kind)).toEqual(["appended", "revision-taken", "appended"]);
});
