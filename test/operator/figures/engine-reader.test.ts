// Aim: the figures of an engine are those of its records, and many actors cost no scan at each reading. Method: an engine on
// the real set, rows and workers as they are after trouble, and the commands that the server has got.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMachine } from "xstate";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { isCountDue } from "../../../src/operator/figures/engine-figures.ts";
import { EngineReader } from "../../../src/operator/figures/engine-reader.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import { freshDatabaseName, urlOf } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const database = freshDatabaseName();
const clock = createVirtualClock();
const commands: string[] = [];
let client: MongoClient;
/** The engine's own. */
let own: MongoClient;
let engine: Engine;
let reader: EngineReader;

const machine = createMachine({
  initial: "open",
  states: {
    open: { on: { PAY: "paid" }, after: { 3600000: "gone" } },
    paid: { type: "final" },
    gone: {},
  },
});
const order = durable(machine, { name: "order", version: "1.0.0" });

const figures = async () => {
  const found = await reader.read();
  if (found === null || "trouble" in found) throw new Error(JSON.stringify(found));
  return found;
};

beforeAll(async () => {
  client = await new MongoClient(urlOf(database), { monitorCommands: true }).connect();
  client.on("commandStarted", ({ commandName, command }) => {
    const of = String(command[commandName]);
    if (of.startsWith("lockstep_")) commands.push(`${commandName} ${of}`);
  });
  reader = new EngineReader(client, database, clock);
  expect(await reader.read()).toBeNull();
  own = await new MongoClient(urlOf(database)).connect();
  engine = await createEngine({
    ...{ client: own, database, machines: [order], log: silentLog },
  });
});

afterAll(async () => {
  await engine.close();
  await own.close();
  await reader.close();
  await client.close();
});

test("actors by status, workers, and partitions with an owner", async () => {
  for (const id of ["a", "b", "c"]) await engine.start(order, { id });
  await engine.send(order, "c", { type: "PAY" });
  await until("every partition has an owner, and the rows are written", async () => {
    await clock.advance(limits.engineCountEveryMs);
    const { machines, counted } = await figures();
    return machines[0]?.unowned === 0 && counted?.machines[0]?.statuses.done === 1;
  });
  const { machines, machinesAll, workers, entries, counted } = await figures();
  expect(machines).toEqual([{ machine: "order", living: 1, held: 32, unowned: 0, timerLagMs: 0 }]);
  expect([machinesAll, workers, entries]).toEqual([1, { alive: 1, expired: 0 }, 4]);
  const statuses = { active: 2, done: 1, error: 0, stopped: 0 };
  expect(counted).toEqual({
    machines: [{ machine: "order", statuses, working: 0, workAgeMs: 0 }],
    ageMs: 0,
  });
});

test("a reading between two counts looks at no actor but the earliest timer", async () => {
  await figures();
  commands.length = 0;
  await figures();
  expect(commands).toEqual([
    "aggregate lockstep_workers",
    "find lockstep_partitions",
    "find lockstep_actors",
    "count lockstep_journal",
  ]);
  const filter = { partition: { $in: ["order/0"] }, dueAtMs: { $gt: 0, $lte: 1 } };
  const plan = await client
    .db(database)
    .collection("lockstep_actors")
    .find(filter, { hint: "due" })
    .sort({ dueAtMs: 1 })
    .limit(1)
    .explain("queryPlanner");
  expect(JSON.stringify(plan)).not.toMatch(/"stage":"(SORT|COLLSCAN)"/);
});

test("late timers, waiting work, a worker that is gone, and an actor in error", async () => {
  const db = client.db(database);
  const rows = db.collection<{ _id: string }>("lockstep_actors");
  await engine.close();
  const { machines } = await figures();
  expect(machines).toMatchObject([{ living: 0, held: 0, unowned: 32 }]);
  const nowMs = Date.now();
  await rows.updateOne({ _id: "a" }, { $set: { dueAtMs: nowMs - 90_000 } });
  await rows.updateOne(
    { _id: "b" },
    { $set: { dueAtMs: 0, atMs: nowMs - 60_000, status: "error" } },
  );
  await db.collection<{ _id: string }>("lockstep_workers").insertOne({
    ...{ _id: "h:1:x", epoch: 1, expiresAtMs: nowMs - 1, ttlMs: 2_000, sessions: [] },
    ...{ machines: ["order@1.0.0"], host: "h", pid: 1 },
  });
  await db
    .collection<{ _id: string }>("lockstep_partitions")
    .updateOne({ _id: "order/3" }, { $set: { worker: "h:1:x" } });
  await clock.advance(limits.engineCountEveryMs);
  const found = await figures();
  expect(found.workers).toEqual({ alive: 0, expired: 1 });
  expect(found.machines[0]).toMatchObject({ living: 0, held: 0, unowned: 32 });
  const [lag, age] = [found.machines[0]?.timerLagMs, found.counted?.machines[0]?.workAgeMs];
  expect([(lag ?? 0) >= 90_000 && (lag ?? 0) < 600_000, (age ?? 0) >= 60_000]).toEqual([
    true,
    true,
  ]);
  // Until the next count nobody knows whether the work still waits.
  expect((await figures()).counted?.machines[0]?.workAgeMs).toBe(age);
  expect(found.counted?.machines[0]).toMatchObject({
    ...{ working: 1, statuses: { active: 1, done: 1, error: 1, stopped: 0 } },
  });
});

test("a record that cannot be read, and more machines than have figures", async () => {
  const partitions = client.db(database).collection<{ _id: string }>("lockstep_partitions");
  const { madeAt } = (await partitions.findOne({})) as unknown as { madeAt: unknown };
  const many = Array.from({ length: limits.metricsMachinesMax }, (_, index) => ({
    ...{ _id: `m${index}/0`, machine: `m${index}`, worker: null, epoch: 0 },
    ...{ mark: null, expired: null, madeAt },
  }));
  await partitions.insertMany([...many, { _id: "broken/0" }] as never);
  const { machines, machinesAll } = await figures();
  expect([machines.length, machinesAll]).toEqual([
    limits.metricsMachinesMax,
    limits.metricsMachinesMax + 1,
  ]);
});

test("a count waits a minute, and a hundred times as long as the last one took", () => {
  expect(isCountDue(null, 0)).toBe(true);
  const quick = { atMs: 1_000, tookMs: 5 };
  expect([isCountDue(quick, 60_999), isCountDue(quick, 61_000)]).toEqual([false, true]);
  const slow = { atMs: 1_000, tookMs: 4_000 };
  expect([isCountDue(slow, 400_999), isCountDue(slow, 401_000)]).toEqual([false, true]);
});

test("a count that takes too long is given up, and leaves neither an old count nor its age", async () => {
  const slow = { nowMs: 0, paceMs: 0 };
  const slowClock: Clock = {
    monotonicMs: () => {
      slow.nowMs += slow.paceMs;
      return slow.nowMs;
    },
    sleep: async () => {},
  };
  const slowReader = new EngineReader(client, database, slowClock);
  expect(await slowReader.read()).toMatchObject({ counted: { machines: expect.anything() } });
  slow.nowMs += limits.engineCountEveryMs;
  slow.paceMs = 500;
  expect(await slowReader.read()).toMatchObject({ counted: null });
  slow.nowMs += limits.engineCountEveryMs;
  commands.length = 0;
  expect(await slowReader.read()).toMatchObject({ counted: null });
  expect(commands.filter((command) => command.startsWith("aggregate"))).toEqual([
    "aggregate lockstep_workers",
  ]);
  await slowReader.close();
});
