// Aim: a page of the actors costs the same, however many actors there are. Method: 100,000 rows on the real set; the
// server's profiler says how many of them each question has examined.
import { expect, onTestFinished, test } from "vitest";
import { createMongoEngineStore } from "../../src/engine/journal/mongo-store.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { createActorsClient } from "../../src/operator/actors/actors-client.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";

const count = 100_000;
const limit = limits.dashboardActorsMax;

test("a page of 100,000 actors examines no more than it shows", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  const db = client.db(database);
  const store = createMongoEngineStore({
    ...{ client, databaseName: database, clock: systemClock, faultPoints: noFaults },
    log: silentLog,
  });
  onTestFinished(async () => {
    await store.close();
    await db.dropDatabase();
  });
  await store.prepare(["order"]);
  const rows = Array.from({ length: count }, (_, number) => ({
    _id: `o-${String(number).padStart(6, "0")}` as never,
    ...{ partition: "order/0", startedAtMs: 1, revision: 1, machine: "order", version: "1.0.0" },
    ...{ state: number % 2 === 0 ? "open" : "paid", tags: number % 2 === 0 ? ["new"] : [] },
    ...{ status: "active", sinceMs: 1, atMs: 1 },
  }));
  await db.collection("lockstep_actors").insertMany(rows, { ordered: false });
  const { signal } = new AbortController();
  const engine = { store, database, signal, log: silentLog, notices: [] };
  const actors = createActorsClient(engine, client, null);
  await db.command({ profile: 2 });
  const last = "o-099900";
  for (const query of [
    {},
    { after: last },
    { machine: "order" },
    { machine: "order", after: last },
    { machine: "order", state: "paid" },
    { machine: "order", tag: "new", after: "o-050000" },
    { status: "active" } as const,
  ]) {
    const listed = await actors.list({ ...query, limit });
    expect([query, listed.actors.length]).toEqual([query, limit]);
    expect(listed.next).toBe(listed.actors.at(-1)?.id);
  }
  const none = await actors.list({ machine: "order", state: "gone", limit });
  expect([none.actors, none.next, none.machines]).toEqual([[], null, ["order"]]);
  await db.command({ profile: 0 });
  const found = await db
    .collection("system.profile")
    .find({ ns: `${database}.lockstep_actors`, op: "query" })
    .toArray();
  expect(found.length).toBeGreaterThanOrEqual(8);
  for (const { docsExamined, command } of found) {
    expect([command.filter, docsExamined <= limit]).toEqual([command.filter, true]);
  }
});
