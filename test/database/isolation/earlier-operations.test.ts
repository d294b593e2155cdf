// Aim: what can still write when all gates are shut is ended, whoever sent it, and what only reads goes on; where
// the right to end it is missing, it is waited for and named. Method: real operations of two users on a set with
// users, held by slow functions and by the server's own waiting; the server says when each is at work.
import { type AnyBulkWriteOperation, MongoClient } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { endEarlierOperations } from "../../../src/database/isolation/end-earlier-operations.ts";
import type { ReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { startSecureSet } from "../../support/secure.ts";
import { until } from "../../support/until.ts";

let set: ReplicaSet;
let root: MongoClient;
const opened: MongoClient[] = [];

async function open(username: string, appName: string): Promise<MongoClient> {
  const url = set.url("things").replace(/\/\/[^@]*@/, "//");
  const auth = { username, password: "secret" };
  const client = new MongoClient(url, { auth, authSource: "admin", appName, retryWrites: false });
  await client.connect();
  opened.push(client);
  return client;
}

beforeAll(async () => {
  set = await startSecureSet();
  root = new MongoClient(set.url("things"), { appName: "keeper" });
  await root.connect();
  const admin = root.db("admin");
  const cluster = { resource: { cluster: true }, actions: ["inprog", "serverStatus"] };
  await admin.command({
    createRole: "looker",
    roles: ["readWriteAnyDatabase", "dbAdminAnyDatabase"],
    privileges: [cluster],
  });
  const ender = { resource: { cluster: true }, actions: ["killAnySession"] };
  await admin.command({ createRole: "ender", roles: ["looker"], privileges: [ender] });
  const blind = { resource: { cluster: true }, actions: ["inprog"] };
  await admin.command({
    createRole: "blind",
    roles: ["readWriteAnyDatabase"],
    privileges: [blind],
  });
  for (const role of ["looker", "ender", "blind"]) {
    await admin.command({ createUser: role, pwd: "secret", roles: [role] });
  }
  const roles = ["readWriteAnyDatabase", "dbAdminAnyDatabase"];
  await admin.command({ createUser: "stranger", pwd: "secret", roles });
  await admin.command({ createUser: "operator", pwd: "secret", roles: ["root"] });
});
afterAll(async () => {
  await Promise.all(opened.map((client) => client.close()));
  await root?.close();
  await set?.stop();
});
beforeEach(async () => {
  for (const name of ["things", "elsewhere"]) {
    await root.db(name).dropDatabase();
    const documents = Array.from({ length: 30 }, (_, index) => ({ index }));
    await root.db(name).collection("items").insertMany(documents);
  }
});

/** Time jumps by what is slept, so a wait of a minute is as many looks. */
const hastyClock = () => {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => nowMs,
    async sleep(ms: number) {
      nowMs += ms;
    },
  };
};

const endAs = (client: MongoClient, clock = systemClock) =>
  endEarlierOperations({ client, databaseName: "things", clock, log: silentLog });

/** True for each document, slowly. */
const slowly = (ms: number) => ({
  $expr: { $function: { body: `function(){sleep(${ms});return true}`, args: [], lang: "js" } },
});

const atWork = (appName: string, count = 1) =>
  until(`${count} operations of ${appName} at work`, async () => {
    const found = await root
      .db("admin")
      .aggregate([
        { $currentOp: { allUsers: true, idleSessions: true } },
        { $match: { appName, lsid: { $exists: true } } },
      ])
      .toArray();
    return found.length >= count;
  });

describe.each([
  { by: "the same user", user: "looker", ender: "looker" },
  { by: "another user, with the right killAnySession", user: "stranger", ender: "ender" },
])("of $by", ({ user, ender }) => {
  test("reads go on: a change stream, a tailable cursor, a slow find, many batches", async () => {
    const appName = `reader of ${user}`;
    const reader = await open(user, appName);
    const things = reader.db("things");
    await root.db("things").createCollection("log", { capped: true, size: 100_000 });
    await root.db("things").collection<{ n: number }>("log").insertOne({ n: 1 });
    const stream = things.collection("items").watch([], { maxAwaitTimeMS: 60_000 });
    const event = stream.next();
    const tail = things
      .collection("log")
      .find({}, { tailable: true, awaitData: true, maxAwaitTimeMS: 60_000 });
    await tail.next();
    const logged = tail.next();
    const slow = things.collection("items").find(slowly(50)).toArray();
    const counted = things.collection("items").countDocuments(slowly(50));
    const batches = things.collection("items").find({}, { batchSize: 2 });
    await batches.next();
    await atWork(appName, 4);
    await endAs(await open(ender, "ender"), hastyClock());
    expect(await slow).toHaveLength(30);
    expect(await counted).toBe(30);
    expect(await batches.toArray()).toHaveLength(29);
    await root.db("things").collection("items").insertOne({ index: 31 });
    expect(await event).toMatchObject({ operationType: "insert", fullDocument: { index: 31 } });
    await root.db("things").collection("log").insertOne({ n: 2 });
    expect(await logged).toMatchObject({ n: 2 });
    await Promise.all([stream.close(), tail.close()]);
  });

  const writes = {
    "an update": (client: MongoClient) =>
      client
        .db("things")
        .collection("items")
        .updateMany(slowly(1_000), { $set: { late: true } }),
    "a delete": (client: MongoClient) =>
      client.db("things").collection("items").deleteMany(slowly(1_000)),
    "a findAndModify": (client: MongoClient) =>
      client
        .db("things")
        .collection("items")
        .findOneAndUpdate(
          { $and: [{ index: { $gt: -1 } }, slowly(1_000), { index: 29 }] },
          { $set: { late: true } },
        ),
    "a bulk write": (client: MongoClient) => {
      const operation: AnyBulkWriteOperation = {
        updateMany: { filter: slowly(1_000), update: { $set: { late: true } } },
      };
      return client.db("things").collection("items").bulkWrite([operation]);
    },
    $merge: (client: MongoClient) =>
      client
        .db("things")
        .collection("items")
        .aggregate([{ $match: slowly(1_000) }, { $merge: "late" }])
        .toArray(),
    $out: (client: MongoClient) =>
      client
        .db("things")
        .collection("items")
        .aggregate([{ $match: slowly(1_000) }, { $out: "late" }])
        .toArray(),
    "$merge from another database": (client: MongoClient) =>
      client
        .db("elsewhere")
        .collection("items")
        .aggregate([
          { $match: slowly(1_000) },
          { $merge: { into: { db: "things", coll: "late" } } },
        ])
        .toArray(),
    mapReduce: (client: MongoClient) =>
      client.db("things").command({
        mapReduce: "items",
        map: "function(){sleep(1000);emit(1,1)}",
        reduce: "function(){return 1}",
        out: "late",
      }),
  };
  test.each(Object.entries(writes))("%s ends", async (name, act) => {
    const appName = `${name} of ${user}`;
    const writer = await open(user, appName);
    const ended = act(writer).then(
      () => "went on",
      () => "ended",
    );
    await atWork(appName);
    await endAs(await open(ender, "ender"));
    expect(await ended).toBe("ended");
    expect(await root.db("things").collection("items").countDocuments({ late: true })).toBe(0);
    expect(await root.db("things").listCollections({ name: "late" }).toArray()).toEqual([]);
  });

  const definitions = {
    createIndexes: { createIndexes: "items", indexes: [{ key: { index: 1 }, name: "late" }] },
    dropIndexes: { dropIndexes: "items", index: "early" },
    collMod: { collMod: "items", validator: { late: true } },
    convertToCapped: { convertToCapped: "items", size: 100_000 },
    create: { create: "late" },
    drop: { drop: "items" },
  };
  test.each(Object.entries(definitions))(
    "a definition under way ends: %s",
    async (name, command) => {
      const appName = `${name} of ${user}`;
      const writer = await open(user, appName);
      await root.db("things").collection("items").createIndex({ index: -1 }, { name: "early" });
      const catalogue = () => root.db("things").listCollections().toArray();
      const indexes = () => root.db("things").collection("items").indexes();
      const before = [await catalogue(), await indexes()];
      const operator = await open("operator", "operator");
      // Every write waits from here on, also that of a definition.
      await operator.db("admin").command({ fsync: 1, lock: true });
      try {
        const ended = writer
          .db("things")
          .command(command)
          .then(
            () => "went on",
            () => "ended",
          );
        await atWork(appName);
        await endAs(await open(ender, "ender"));
        expect(await ended).toBe("ended");
      } finally {
        await operator.db("admin").command({ fsyncUnlock: 1 });
      }
      expect([await catalogue(), await indexes()]).toEqual(before);
    },
  );

  test.each(["find", "insert"])(
    "an idle transaction with a %s ends; of another database goes on",
    async (what) => {
      const writer = await open(user, `transactions of ${user}`);
      const begin = async (name: string) => {
        const session = writer.startSession();
        onTestFinished(() => session.endSession());
        session.startTransaction();
        const items = writer.db(name).collection("items");
        if (what === "find") await items.findOne({}, { session });
        else await items.insertOne({ late: true }, { session });
        return async () => {
          await items.insertOne({ late: true }, { session });
          await session.commitTransaction();
        };
      };
      const [here, there] = [await begin("things"), await begin("elsewhere")];
      await endAs(await open(ender, "ender"));
      await expect(here()).rejects.toMatchObject({ code: 251 });
      await there();
      expect(await root.db("things").collection("items").countDocuments({ late: true })).toBe(0);
    },
  );
});

describe("of another user, without the right to end it", () => {
  test("it is waited for, and named by client, user and operation when the time is over", async () => {
    const stranger = await open("stranger", "the nightly job");
    const session = stranger.startSession();
    session.startTransaction();
    const items = stranger.db("things").collection("items");
    await items.insertOne({ late: true }, { session });
    const refused = endAs(await open("looker", "looker"), hastyClock());
    await expect(refused).rejects.toMatchObject({ code: "timeout" });
    await expect(refused).rejects.toThrow(
      /the nightly job \(127\.0\.0\.1:\d+\): an open transaction: .*killAnySession/,
    );
    const patient = endAs(await open("looker", "looker"));
    await session.commitTransaction();
    await patient;
    expect(await items.countDocuments({ late: true })).toBe(1);
    await session.endSession();
  });

  test("a write at work is named with its user", async () => {
    const stranger = await open("stranger", "the monthly job");
    const merging = stranger
      .db("things")
      .collection("items")
      .aggregate([{ $match: slowly(1_000) }, { $merge: "late" }])
      .toArray()
      .catch(() => []);
    await atWork("the monthly job");
    await expect(endAs(await open("looker", "looker"), hastyClock())).rejects.toThrow(
      /the monthly job \(127\.0\.0\.1:\d+, user stranger@admin\): aggregate on things\.items/,
    );
    await endAs(root);
    await merging;
  });

  test("an idle transaction counts where the locks may not be asked for", async () => {
    const stranger = await open("stranger", "of unknown place");
    const session = stranger.startSession();
    session.startTransaction();
    await stranger.db("elsewhere").collection("items").findOne({}, { session });
    await expect(endAs(await open("blind", "blind"), hastyClock())).rejects.toThrow(
      "of unknown place",
    );
    await endAs(await open("looker", "looker"), hastyClock());
    await session.abortTransaction();
    await session.endSession();
  });
});
