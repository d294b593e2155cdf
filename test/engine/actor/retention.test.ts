// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: what is superseded or old goes, and nothing that an actor still needs. Method: engines on one memory store, in
// virtual time, whose clock leaps over the hours in which no process works; and once on MongoDB.
import { Timestamp } from "mongodb";
import { expect, onTestFinished, test } from "vitest";
import { assign, fromPromise, setup } from "xstate";
import { Compactor } from "../../../src/engine/actor/compactor.ts";
import { partitionOf } from "../../../src/engine/actor/partition.ts";
import {
  createEngine,
  type EngineOptions,
  startEngine,
} from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import type { Superseded } from "../../../src/engine/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { type Clock, systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { createEngineWorld, type EngineWorld } from "../api/engines.ts";
import { chart, version } from "../migration/migrating.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const counter = version(
  "1.0.0",
  chart({
    id: "m",
    context: ({ input }: any) => ({ n: 0, ...input }),
    initial: "on",
    states: {
      on: {
        on: { ADD: { actions: assign({ n: ({ context }: any) => context.n + 1 }) }, END: "off" },
      },
      off: { type: "final" },
    },
  }),
);

/** A worker that lives for a while. */
async function work(world: EngineWorld, retain: EngineOptions["retain"] = {}): Promise<void> {
  const worker = await world.engine({ machines: [counter], retain });
  await world.clock.advance(3 * limits.compactEveryMs + 2_000);
  await world.close(worker);
}

const sender = (world: EngineWorld) => world.engine({ machines: [counter], work: false });
const snapshots = async ({ store }: Pick<EngineWorld, "store">, actor: string) =>
  Promise.all(
    (await store.entries(actor, 0, 100)).map(async ({ revision }) => {
      const { snapshot = null } = (await store.entryOf(actor, revision)) ?? {};
      return `${revision}${snapshot === null ? "" : " kept"}`;
    }),
  );

test("large superseded snapshots go, and nothing else without `retain`", async () => {
  const world = createEngineWorld();
  const process = await sender(world);
  const large = "x".repeat(limits.keptSnapshotLengthMax);
  await process.start(counter, { id: "a", input: { large } });
  await process.start(counter, { id: "b" });
  for (let sent = 0; sent < 3; sent += 1) {
    for (const id of ["a", "b"]) await process.send(counter, id, { type: "ADD" });
    await world.clock.advance(limits.compactEveryMs);
  }
  await world.clock.advance(400 * 24 * hourMs);
  await work(world);
  expect(await snapshots(world, "a")).toEqual(["0", "1", "2", "3 kept"]);
  expect(await snapshots(world, "b")).toEqual(["0 kept", "1 kept", "2 kept", "3 kept"]);
  await process.send(counter, "a", { type: "ADD" });
  expect((await process.get(counter, "a")).context.n).toBe(4);
  expect(await process.history("a")).toHaveLength(5);
  await world.close(process);
  expect((await snapshots(world, "a")).slice(-2)).toEqual(["3", "4 kept"]);
});

test("history goes once it is old, but for the first entry and the latest one", async () => {
  const world = createEngineWorld();
  const process = await sender(world);
  await process.start(counter, { id: "a", input: { x: 1 } });
  for (const key of ["k1", "k2"]) await process.send(counter, "a", { type: "ADD" }, { key });
  await work(world, { history: "2h" });
  expect(await snapshots(world, "a")).toEqual(["0 kept", "1 kept", "2 kept"]);
  await world.clock.advance(hourMs);
  expect(await process.send(counter, "a", { type: "ADD" }, { key: "k1" })).toMatchObject({
    outcome: "duplicate",
  });
  await world.clock.advance(2 * hourMs);
  await work(world, { history: "2h" });
  expect(await snapshots(world, "a")).toEqual(["0 kept", "2 kept"]);
  // The window of duplicate detection is over.
  expect(await process.send(counter, "a", { type: "ADD" }, { key: "k1" })).toMatchObject({
    ...{ outcome: "applied", revision: 3 },
  });
  expect((await process.get(counter, "a")).context.n).toBe(3);
  expect(await process.start(counter, { id: "a", input: { x: 1 } })).toBe("a");
  await expect(process.start(counter, { id: "a", input: { x: 2 } })).rejects.toMatchObject({
    code: "duplicate-start",
  });
  expect((await process.get(counter, "a")).context.n).toBe(3);
});

test("a key counts longer than its entry is kept, and no longer than `retain.keys`", async () => {
  const world = createEngineWorld();
  const process = await sender(world);
  const retain = { history: "2h", keys: "1d" };
  await process.start(counter, { id: "a" });
  for (const key of ["k1", "k2", "k3"]) await process.send(counter, "a", { type: "ADD" }, { key });
  await world.clock.advance(3 * hourMs);
  await work(world, retain);
  expect(await snapshots(world, "a")).toEqual(["0 kept", "3 kept"]);
  const again = async (key: string) =>
    (await process.send(counter, "a", { type: "ADD" }, { key })).outcome;
  expect(await again("k1")).toBe("duplicate");
  await process.send(counter, "a", { type: "END" });
  expect(await again("k2")).toBe("duplicate");
  expect(await again("k9")).toBe("ignored");
  await world.clock.advance(dayMs);
  expect(await again("k1")).toBe("ignored");
  await world.close(process);
});

test("`retain.keys` is at least as long as `retain.history`", async () => {
  const world = createEngineWorld();
  for (const retain of [{ keys: "1d" }, { history: "2d", keys: "1d" }]) {
    await expect(world.engine({ machines: [counter], retain })).rejects.toMatchObject({
      code: "bad-argument",
    });
  }
});

test("a process that knows only an old entry never appends a deleted revision again", async () => {
  const client = await openClient();
  const databaseName = freshDatabaseName();
  const clock = createVirtualClock();
  const process = async (own: Clock) => {
    const store = createMongoEngineStore({
      ...{ client, databaseName, clock: systemClock, faultPoints: noFaults, log: silentLog },
    });
    const ports = { store, clock: own, random: systemRandom, log: silentLog, host: "h", pid: 1 };
    const engine = await startEngine({ machines: [counter], work: false }, ports);
    onTestFinished(() => engine.close());
    return { engine, store };
  };
  const stale = (await process(clock)).engine;
  const { engine: busy, store } = await process(systemClock);
  await stale.start(counter, { id: "a" });
  for (let sent = 0; sent < 3; sent += 1) await busy.send(counter, "a", { type: "ADD" });
  const partition = partitionOf("m", "a");
  const soonMs = (await store.nowMs()) + dayMs;
  await store.expireHistory(partition, null, soonMs, 10);
  expect((await store.entries("a", 0, 10)).map(({ revision }) => revision)).toEqual([0, 3]);
  await clock.advance(limits.cachedTailMsMax + 1);
  expect(await stale.send(counter, "a", { type: "ADD" })).toMatchObject({
    ...{ outcome: "applied", revision: 4 },
  });
  expect((await busy.get(counter, "a")).context.n).toBe(4);
});

test("an actor that ended goes as a whole, and can be started anew", async () => {
  const world = createEngineWorld();
  const [process, stale] = [await sender(world), await sender(world)];
  for (const id of ["ended", "alive"]) await process.start(counter, { id });
  await stale.send(counter, "ended", { type: "ADD" });
  const ending = process.send(counter, "ended", { type: "END" });
  await world.clock.advance(100);
  await ending;
  await work(world, { done: "2h" });
  await world.clock.advance(hourMs);
  await work(world, { done: "2h" });
  expect((await process.get(counter, "ended")).status).toBe("done");
  await world.clock.advance(2 * hourMs);
  await work(world, { done: "2h" });
  await expect(process.get(counter, "ended")).rejects.toMatchObject({ code: "unknown-actor" });
  await expect(stale.send(counter, "ended", { type: "ADD" })).rejects.toMatchObject({
    code: "unknown-actor",
  });
  expect((await process.list()).actors.map(({ id }) => id)).toEqual(["alive"]);
  await process.start(counter, { id: "ended", input: { n: 7 } });
  expect((await stale.get(counter, "ended")).context.n).toBe(7);
});

test("a second life of an id in the process that has known the first one: rows, timers and work from its first entry on", async () => {
  const done: string[] = [];
  const job = durable(
    setup({
      types: {} as { events: { type: "ADD" } | { type: "END" } },
      actors: { run: fromPromise<void>(async () => {}) },
    }).createMachine({
      initial: "on",
      states: {
        on: { invoke: { src: "run" }, on: { ADD: {}, END: "off" }, after: { 60000: "late" } },
        late: {},
        off: { type: "final" },
      },
    }),
    {
      ...{ name: "job", version: "1.0.0" },
      tasks: { run: { run: async (_, task) => void done.push(task.id) } },
    },
  );
  const world = createEngineWorld();
  const process = await world.engine({ machines: [job], retain: { done: "1h" } });
  await world.clock.advance(10_000);
  const live = async () => {
    const id = await process.start(job, { id: "a" });
    await world.clock.advance(5_000);
    return id;
  };
  await live();
  for (let sent = 0; sent < 9; sent += 1) await process.send(job, "a", { type: "ADD" });
  await process.send(job, "a", { type: "END" });
  await world.clock.advance(hourMs - 300_000);
  // It is still known here when it is deleted and started again.
  expect(await process.send(job, "a", { type: "ADD" })).toMatchObject({ outcome: "ignored" });
  await world.clock.advance(300_000 + 2 * limits.expireEveryMs);
  await expect(process.get(job, "a")).rejects.toMatchObject({ code: "unknown-actor" });
  await live();
  expect((await process.list()).actors).toMatchObject([{ id: "a", status: "active", state: "on" }]);
  expect(done).toHaveLength(2);
  // Other systems use the ids as idempotency keys.
  expect(new Set(done).size).toBe(2);
  await world.clock.advance(60_000);
  expect((await process.get(job, "a")).value).toBe("late");
});

test("less than an hour is refused", async () => {
  const world = createEngineWorld();
  for (const retain of [{ history: "59m" }, { done: 5 }, { history: "soon" }]) {
    await expect(world.engine({ machines: [counter], retain })).rejects.toMatchObject({
      code: "bad-argument",
    });
  }
});

test("a compactor clears what is new, again after a failure, and keeps to its bounds", async () => {
  const clock = createVirtualClock();
  const calls: (readonly Superseded[])[] = [];
  let fails = true;
  const compactor = new Compactor({
    clock,
    log: silentLog,
    store: {
      async compact(superseded) {
        if (fails) throw new Error("away");
        calls.push(superseded);
      },
    },
  });
  const note = (actor: string, revision: number, startedAtMs = 7) =>
    compactor.note({ actor, startedAtMs, revision });
  note("a", 3);
  await clock.advance(limits.compactEveryMs);
  fails = false;
  note("a", 5);
  await clock.advance(limits.compactEveryMs);
  expect(calls).toEqual([[{ actor: "a", startedAtMs: 7, from: 2, below: 5 }]]);
  await clock.advance(limits.compactEveryMs);
  expect(calls).toHaveLength(1);
  for (let index = 0; index <= limits.compactionActorsOnce; index += 1) note(`x${index}`, 1);
  await clock.advance(limits.compactEveryMs);
  expect(calls[1]).toHaveLength(limits.compactionActorsOnce);
  await clock.advance(limits.compactEveryMs);
  expect(calls[2]).toHaveLength(1);
  // The actor was deleted, and its id was started again.
  note("a", 4);
  note("a", 2, 8);
  await clock.advance(limits.compactEveryMs);
  expect(calls[3]).toEqual([{ actor: "a", startedAtMs: 8, from: 1, below: 2 }]);
  for (let index = 0; index <= limits.compactionActorsMax; index += 1) note(`y${index}`, 1);
  await compactor.stop();
  expect(calls[4]).toHaveLength(limits.compactionActorsOnce);
});

test("on MongoDB a worker clears and deletes", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  const start = async (retain: EngineOptions["retain"] = {}) => {
    const engine = await createEngine({
      ...{ client, database, machines: [counter], log: silentLog, retain },
    });
    onTestFinished(() => engine.close());
    return engine;
  };
  const engine = await start();
  for (const id of ["a", "b"]) await engine.start(counter, { id });
  for (let sent = 0; sent < 3; sent += 1) await engine.send(counter, "a", { type: "ADD" });
  await engine.send(counter, "b", { type: "END" });
  const journal = client.db(database).collection<any>("lockstep_journal");
  const rows = client.db(database).collection<any>("lockstep_actors");
  await until("the rows are written", () => rows.findOne({ _id: "b", status: "done" }));
  await engine.close();
  // A day passes.
  for (const { _id, ts } of await journal.find().toArray()) {
    const earlier = new Timestamp({ t: ts.high - dayMs / 1_000, i: ts.low });
    await journal.updateOne({ _id }, { $set: { ts: earlier } });
  }
  await rows.updateMany({ endedAtMs: { $exists: true } }, [
    { $set: { endedAtMs: { $subtract: ["$endedAtMs", dayMs] } } },
  ]);
  const later = await start({ history: "2h", done: "2h" });
  await until("the old entries are deleted", async () => (await journal.countDocuments({})) === 2);
  const left = await journal.find().sort({ _id: 1 }).toArray();
  expect(left.map(({ _id }) => _id)).toEqual([
    { actor: "a", revision: 0 },
    { actor: "a", revision: 3 },
  ]);
  expect((await later.send(counter, "a", { type: "ADD" })).revision).toBe(4);
});
