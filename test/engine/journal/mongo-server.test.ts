// Aim: the store asks the server only for what an index answers, and relies on nothing that the server does not do.
// Method: a real replica set: the store's own commands are explained, its documents read and broken.
import { type Document, MongoClient, Timestamp } from "mongodb";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { rowOf } from "../../../src/engine/journal/entry.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { otherDriver } from "../../support/other-driver.ts";
import { until } from "../../support/until.ts";
import { entryOf, storedRow, timerAt, workerOf } from "./store-under-test.ts";

const means = { clock: systemClock, faultPoints: noFaults, log: silentLog };

async function opened(given?: MongoClient) {
  const client = given ?? (await openClient());
  const databaseName = freshDatabaseName();
  const store = createMongoEngineStore({ client, databaseName, ...means });
  onTestFinished(() => store.close());
  await store.prepare(["m"]);
  return { client, store, database: client.db(databaseName) };
}

/** All stages of a plan, also those of the pipelines within it. */
function stagesOf(plan: unknown): readonly string[] {
  if (Array.isArray(plan)) return plan.flatMap(stagesOf);
  if (typeof plan !== "object" || plan === null) return [];
  return Object.entries(plan).flatMap(([key, value]) => {
    if (key === "stage") return [String(value)];
    return key === "rejectedPlans"
      ? []
      : [...(key === "$sort" ? ["SORT"] : []), ...stagesOf(value)];
  });
}

const explained = ["find", "aggregate", "update", "delete"];

/** The commands of a client, as they can be explained. */
function commandsOf(client: MongoClient): Document[] {
  const commands: Document[] = [];
  client.on("commandStarted", ({ commandName, command }) => {
    if (!explained.includes(commandName)) return;
    const { lsid: _l, txnNumber: _t, startTransaction: _s, autocommit: _a, ...rest } = command;
    const { $clusterTime: _c, $db: _d, readConcern: _r, writeConcern: _w, ...asked } = rest;
    const statements = asked["updates"] ?? asked["deletes"];
    const name = asked["updates"] ? "updates" : "deletes";
    // The server explains one statement at a time.
    if (statements) for (const each of statements) commands.push({ ...asked, [name]: [each] });
    else commands.push(asked);
  });
  return commands;
}

test("an index answers each question, with few documents, and none is sorted in memory", async () => {
  const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
  onTestFinished(() => client.close());
  const { store, database } = await opened(client);
  const actors = Array.from({ length: 300 }, (_, number) => `a${number}`);
  const due = (actor: string, revision: number) =>
    entryOf(actor, revision, {
      timers: [timerAt(revision + 1)],
      tags: ["t"],
      eventKey: `k${revision}`,
    });
  for (const revision of [0, 1]) {
    await store.append(actors.map((actor) => due(actor, revision)));
    await store.saveRows(actors.map((actor) => rowOf(due(actor, revision))));
  }
  const commands = commandsOf(client);
  await store.append([due("a1", 1), entryOf("a2", 2, { eventKey: "k1" })]);
  await store.register(workerOf("w"), 60_000);
  await store.append([entryOf("a3", 2)], { fence: { worker: "w", epoch: 1 } });
  await store.append([entryOf("a3", 2)], { fence: { worker: "w", epoch: 1 } });
  await store.tail("a1");
  await store.tails(["a1", "a2"]);
  await store.tails(["a1", "a2", "a3"], new Map([["a1", 1]]));
  await store.entryOf("a1", 1);
  await store.byKey("a1", "k1");
  await store.entries("a1", 0, 10);
  const { mark } = await store.sweep("m/0", null);
  await store.sweep("m/0", mark);
  await store.saveRows([rowOf(due("a1", 2))]);
  const [first] = await store.due("m/0", 10, 5);
  await store.due("m/0", 10, 500, first);
  await storedRow(store, "a1");
  for (const query of [{}, { machine: "m" }, { status: "active" }, { tag: "t" }] as const) {
    await store.rows({ ...query, limit: 10, after: "a1" });
  }
  await store.rows({ machine: "m", state: "any", sinceMsMax: 5_000, limit: 10 });
  await store.rows({ machine: "m", tag: "t", status: "active", limit: 10 });
  await store.rows({ machine: "m", status: "done", limit: 10 });
  await store.rows({ status: "done", limit: 10 });
  await store.renew(workerOf("w"), 60_000);
  await store.fenceOut("w", 1);
  await store.removeWorker("w");
  await store.workers();
  const [partition] = await store.partitions();
  if (partition) await store.assign(partition, "w");
  await store.saveMarks("m/0", 1, { mark: "1" });
  const attempt = { attempt: 1, failures: 0, lastError: "", nextAtMs: null };
  await store.saveAttempt({ work: "a/0/0", ...attempt });
  await store.attempts(["a/0/0"]);
  await store.removeAttempts(["a/0/0"]);
  await store.compact([{ actor: "a1", startedAtMs: 1_000, from: 0, below: 1 }]);
  await store.saveRows([rowOf(entryOf("a9", 3, { status: "done", atMs: 1 }))]);
  await store.expireHistory("m/0", "5", (await store.nowMs()) + 5_000, 10);
  await store.expireEnded("m/0", 5_000, 10);

  const asked = [...commands];
  expect(asked.length).toBeGreaterThan(40);
  const wrong: unknown[] = [];
  for (const command of asked) {
    const plan = await database.command({ explain: command, verbosity: "executionStats" });
    const stages = new Set(stagesOf(plan["stages"] ?? plan["queryPlanner"]));
    if (stages.has("COLLSCAN") || stages.has("SORT")) wrong.push({ command, stages: [...stages] });
    expect(stages.size).toBeGreaterThan(0);
    const { totalDocsExamined = 0, nReturned = 0 } = plan["executionStats"] ?? {};
    // An index that leaves most of the work to the documents is none.
    if (command["find"] && totalDocsExamined > nReturned) {
      wrong.push({ command, totalDocsExamined, nReturned });
    }
  }
  expect(wrong).toEqual([]);
});

test("a server deletes a key that is kept beyond its entry once the key is old", async () => {
  const { client, store, database } = await opened();
  const admin = client.db("admin");
  const ttlMonitorSleepSecs = (seconds: number) =>
    admin.command({ setParameter: 1, ttlMonitorSleepSecs: seconds });
  await ttlMonitorSleepSecs(1);
  onTestFinished(async () => void (await ttlMonitorSleepSecs(60)));
  const keyOf = (revision: number) => ({ eventKey: `caller:${revision}`, emitted: "[]" });
  for (let revision = 0; revision < 4; revision += 1) {
    await store.append([entryOf("a", revision, { ...keyOf(revision), snapshot: "large" })]);
  }
  const laterMs = (await store.nowMs()) + 10_000;
  await store.expireHistory("m/0", null, laterMs, 3, 3_600_000);
  const journal = database.collection<{ ts: Timestamp; keyUntil?: Date }>("lockstep_journal");
  const [kept] = await journal.find({ keyUntil: { $exists: true } }).toArray();
  expect(kept).toMatchObject({ _id: { actor: "a", revision: 1 }, event: "", snapshot: null });
  expect(kept).not.toHaveProperty("emitted");
  const keptMs = Number(kept?.keyUntil) - Number(kept?.ts.getHighBitsUnsigned()) * 1_000;
  expect(keptMs).toBe(3_600_000);
  await store.expireHistory("m/0", null, laterMs, 10, -1_000);
  await until("the old keys are gone", async () => (await journal.countDocuments()) === 2);
  expect((await store.tail("a"))?.revision).toBe(3);
});

test("a server leaves the own entries of a process out while it reads its oplog", async () => {
  const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
  onTestFinished(() => client.close());
  const { store, database } = await opened(client);
  const commands = commandsOf(client);
  await new Promise<void>((resolve) => {
    const watch = store.watch({ except: "mine-", onAppended: () => resolve() });
    onTestFinished(() => watch.stop());
  });
  const asked = commands.find(({ aggregate }) => aggregate === "lockstep_journal");
  const plan = await database.command({ explain: { ...asked, cursor: {} } });
  const [{ $cursor: cursor }] = plan["stages"] as [Document];
  expect(JSON.stringify(cursor["queryPlanner"].parsedQuery)).toContain(
    '{"o.nonce":{"$lt":"mine-"}}',
  );
});

describe("the server's time of an entry", () => {
  test("is its own, grows with each entry, and also within a transaction", async () => {
    const { store, database } = await opened();
    await store.append([entryOf("a", 0), entryOf("b", 0)]);
    await store.register(workerOf("w"), 60_000);
    await store.append([entryOf("a", 1), entryOf("b", 1)], { fence: { worker: "w", epoch: 1 } });
    await store.transact((session) => store.append([entryOf("a", 2)], { session }));
    const found = await database.collection("lockstep_journal").find().sort({ ts: 1 }).toArray();
    expect(
      found.map(
        ({ _id }) =>
          `${(_id as unknown as Document)["actor"]}${(_id as unknown as Document)["revision"]}`,
      ),
    ).toEqual(["a0", "b0", "a1", "b1", "a2"]);
    const nowSeconds = (await store.nowMs()) / 1_000;
    const times = found.map(({ ts }) => ts as Timestamp);
    expect(new Set(times.map(String)).size).toBe(5);
    for (const time of times) {
      expect(Math.abs(time.getHighBitsUnsigned() - nowSeconds)).toBeLessThan(60);
    }
  });

  test("lets a sweep find an entry whose transaction was open when an earlier sweep passed", async () => {
    const { store } = await opened();
    const seen: string[] = [];
    let mark: string | null = null;
    await store.transact(async (session) => {
      await store.append([entryOf("late", 0)], { session });
      await store.append([entryOf("early", 0)]);
      const page = await store.sweep("m/0", null);
      seen.push(...page.heads.map(({ actor }) => actor));
      mark = page.mark;
    });
    expect(seen).toEqual(["early"]);
    const { heads } = await store.sweep("m/0", mark);
    expect(heads.map(({ actor }) => actor).toSorted()).toEqual(["early", "late"]);
  });

  test("that lies ahead, as after a move to another cluster, has the partition swept anew", async () => {
    const { store } = await opened();
    await store.append([entryOf("a", 0)]);
    const ahead = new Timestamp({ t: 4_000_000_000, i: 1 }).toString();
    const { heads, mark } = await store.sweep("m/0", ahead);
    expect(heads.map(({ actor }) => actor)).toEqual(["a"]);
    expect(BigInt(String(mark))).toBeLessThan(BigInt(ahead));
  });

  test("is asked of a server that does not set it, and that is refused", async () => {
    const { store, database } = await opened();
    const partitions = database.collection<{ _id: string }>("lockstep_partitions");
    await partitions.updateMany({}, { $set: { madeAt: new Timestamp({ t: 0, i: 0 }) } });
    await expect(store.prepare(["m"])).rejects.toMatchObject({ code: "database-not-supported" });
  });
});

test("a worker that died in the middle of a transaction does not keep its successor waiting", async () => {
  const dead = await openClient();
  const { store, database } = await opened(dead);
  const client = await openClient();
  const successor = createMongoEngineStore({
    client,
    databaseName: database.databaseName,
    ...means,
  });
  onTestFinished(() => successor.close());
  await store.register(workerOf("w"), 100);
  let isOpen = false;
  let release = () => {};
  const fence = { worker: "w", epoch: 1 };
  const left = store.transact(async (session) => {
    await store.append([entryOf("a", 0)], { session, fence });
    isOpen = true;
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const lost = expect(left).rejects.toMatchObject({ code: "fenced" });
  await until("the transaction is open", () => isOpen);
  await until("the worker is fenced out", () => successor.fenceOut("w", 1));
  expect(await successor.append([entryOf("a", 0)])).toEqual([{ kind: "appended" }]);
  release();
  // The act runs again at once, finds the fence raised, and never gets to its pause.
  await lost;
  expect((await successor.entries("a", 0, 10)).length).toBe(1);
});

describe("a record that cannot be read", () => {
  async function broken(collection: string, wrong: object, _id?: string) {
    const warned: string[] = [];
    const client = await openClient();
    const databaseName = freshDatabaseName();
    const log = {
      ...silentLog,
      warn: ({ error }: object & { error?: unknown }) => warned.push(String(error)),
    };
    const store = createMongoEngineStore({ client, databaseName, ...means, log: log as never });
    onTestFinished(() => store.close());
    await store.prepare(["m"]);
    const done = { status: "done", atMs: 1 } as const;
    await store.append([
      entryOf("a", 0, { timers: [timerAt(5)] }),
      entryOf("b", 0, { timers: [timerAt(6)] }),
    ]);
    await store.saveRows([
      rowOf(entryOf("a", 0, { timers: [timerAt(5)] })),
      rowOf(entryOf("b", 0, { timers: [timerAt(6)] })),
      rowOf(entryOf("c", 0, done)),
      rowOf(entryOf("d", 0, done)),
    ]);
    for (const worker of ["v", "w"]) await store.register(workerOf(worker), 60_000);
    const attempt = { attempt: 1, failures: 0, lastError: "", nextAtMs: null };
    await store.saveAttempt({ work: "a/0/0", ...attempt });
    const filter = _id === undefined ? {} : { _id: _id as never };
    await client.db(databaseName).collection(collection).updateMany(filter, { $set: wrong });
    return { store, warned };
  }

  test.each([
    ["lockstep_journal", { state: 7 }],
    ["lockstep_journal", { timers: [{ id: "x" }] }],
    ["lockstep_attempts", { attempt: -1 }],
  ])("is refused where a caller asks for it: %s %o", async (collection, wrong) => {
    const { store } = await broken(collection, wrong);
    const outcomes = await Promise.allSettled([store.tail("a"), store.attempts(["a/0/0"])]);
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject([{ reason: { code: "record-broken", details: { collection } } }]);
  });

  test("is left out of a sweep, which goes on", async () => {
    const { store, warned } = await broken("lockstep_journal", { state: 7 });
    const page = await store.sweep("m/0", null);
    expect(page).toMatchObject({ heads: [], next: null, mark: expect.any(String) });
    expect(warned).toHaveLength(2);
    await store.sweep("m/0", null);
    expect(warned).toHaveLength(2);
  });

  test("is left out of the rows, and another one takes its place", async () => {
    const { store, warned } = await broken("lockstep_actors", { tags: "none" }, "a");
    expect((await store.due("m/0", 10, 1)).map(({ actor }) => actor)).toEqual(["b"]);
    expect((await store.rows({ limit: 2 })).map(({ actor }) => actor)).toEqual(["b", "c"]);
    expect(warned).toHaveLength(1);
    const other = await broken("lockstep_actors", { tags: "none" }, "c");
    expect(await other.store.expireEnded("m/0", 100, 10)).toBe(0);
    expect((await other.store.rows({ limit: 9 })).map(({ actor }) => actor)).toEqual(["a", "b"]);
  });

  test("is left out of the partitions", async () => {
    const { store, warned } = await broken("lockstep_partitions", { mark: "yesterday" }, "m/7");
    const names = (await store.partitions()).map(({ partition }) => partition);
    expect(names).toHaveLength(31);
    expect(names).not.toContain("m/7");
    expect(warned).toEqual([expect.stringContaining("m/7")]);
  });

  test("of a worker keeps its partitions, until the server sees that its lease is over", async () => {
    const { store, warned } = await broken("lockstep_workers", { host: 7 }, "v");
    expect(await store.workers()).toMatchObject([
      { worker: "v", epoch: 1, machines: [], isExpired: false },
      { worker: "w", isExpired: false },
    ]);
    expect(warned).toHaveLength(1);
    // A worker that lives mends its record.
    const other = await broken("lockstep_workers", { expiresAtMs: "soon", sessions: 0 }, "v");
    expect(await other.store.renew(workerOf("v"), 60_000)).toBe(true);
    expect(await other.store.workers()).toMatchObject([{ worker: "v", isExpired: false }, {}]);
    const dead = await broken(
      "lockstep_workers",
      { expiresAtMs: "soon", ttlMs: null, sessions: 0 },
      "v",
    );
    expect(await dead.store.workers()).toMatchObject([{ worker: "v", isExpired: true }, {}]);
    expect(await dead.store.fenceOut("v", 1)).toBe(true);
  });

  test("of a lease that ends far ahead is judged by the server", async () => {
    const { store } = await broken("lockstep_workers", { expiresAtMs: 9_999_999_999_999 }, "v");
    expect(await store.workers()).toMatchObject([{ isExpired: true }, { isExpired: false }]);
    expect(await store.fenceOut("v", 1)).toBe(true);
  });
});

test("a client of another copy of the driver is refused: its errors could not be told apart", () => {
  const client = new otherDriver.MongoClient(inject("mongoUrl")) as unknown as MongoClient;
  const opening = () => createMongoEngineStore({ client, databaseName: "any", ...means });
  expect(opening).toThrow(/same copy of the package/);
});

test("a watch outlives a document that is nearly as large as the server allows", async () => {
  const { store } = await opened();
  const hints: unknown[] = [];
  store.watch({ onAppended: (hint) => hints.push(hint?.actor ?? null) });
  await until("the watch has begun", () => hints.length > 0);
  const snapshot = "x".repeat(16 * 1024 * 1024 - 2_000);
  await store.append([entryOf("large", 0, { snapshot })]);
  await store.append([entryOf("small", 0)]);
  await until("both hints", () => hints.includes("small"));
  expect(hints).toEqual([null, "large", "small"]);
});

test("only the present primary says that there is no such actor", async () => {
  const answers = await Promise.all(
    inject("memberUrls").map(async (url) => {
      const client = new MongoClient(url);
      onTestFinished(() => client.close());
      const store = createMongoEngineStore({ client, databaseName: freshDatabaseName(), ...means });
      onTestFinished(() => store.close());
      return store.tail("nobody").then(
        (tail) => ({ tail }),
        ({ code }) => code,
      );
    }),
  );
  const others = answers.filter((answer) => answer === "database-unreachable");
  expect(others).toHaveLength(answers.length - 1);
  expect(answers).toContainEqual({ tail: undefined });
});
