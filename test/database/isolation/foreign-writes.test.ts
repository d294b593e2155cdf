// Aim: after T each write that is not the upgrade's own is found and named, and none of its own is:
// however many masters it had, and whatever the foreign writer uses. Method: the real set.

import {
  BSON,
  type Db,
  type Document,
  Long,
  type MongoClient,
  type RunCommandOptions,
} from "mongodb";
import { expect, test } from "vitest";
import { chooseBackupTime } from "../../../src/database/backup/backup-time.ts";
import {
  findForeignWrites,
  findWritesSince,
  refuseForeignWrites,
  writesText,
} from "../../../src/database/isolation/foreign-writes.ts";
import { checkWriteBlock } from "../../../src/database/isolation/write-block.ts";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { restoreDatabase } from "../../../src/database/restore/restore.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { databaseNowMs } from "../../../src/mongo/database-now.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import {
  createSetting,
  dyingFaultPoints,
  never,
  runOptions,
  type Setting,
  takeCopy,
} from "../setting.ts";

const steps: SchemaRunOptions["steps"] = [
  {
    name: "one",
    async run(context) {
      await context.addCollection("made");
      await context.applyToCollection("items", { update: [{ $set: { touched: 1 } }] });
      await context.addIndex("items", { touched: 1 }, { name: "by-touched" });
      await context.transaction(async (database) => {
        await database.collection("made").insertOne({ _id: context.id("x") });
      });
      await context.removeField("items", "n");
    },
  },
];

async function fill({ client, name }: Setting): Promise<void> {
  const documents = Array.from({ length: 2_500 }, (_, n) => ({ _id: n as never, n }));
  await client.db(name).collection("items").insertMany(documents);
}

const none = { writes: [], count: 0 };
const optionsOf = (setting: Setting, time: string) => ({
  client: setting.client,
  databaseName: setting.name,
  control: setting.control,
  time,
  faultPoints: noFaults,
  signal: never,
});

test("nothing of the upgrade's own, over two masters, an unfinished restore included", async () => {
  const setting = await createSetting();
  await fill(setting);
  const copy = await takeCopy(setting);
  const options = optionsOf(setting, copy.manifest.time);
  expect(await findForeignWrites(options)).toEqual(none);
  const dying = { faultPoints: dyingFaultPoints(5, "after") };
  await runSchemaSteps(await runOptions(setting, 1, steps, dying)).catch(() => {});
  const result = await runSchemaSteps(await runOptions(setting, 2, steps));
  expect(result.kind).toBe("done");
  expect(await findForeignWrites(options)).toEqual(none);
  const restore = async (epoch: number, faultPoints = noFaults) =>
    restoreDatabase({
      ...options,
      ...copy,
      mastership: await setting.master(epoch),
      faultPoints,
      clock: systemClock,
      log: silentLog,
    });
  await restore(3, dyingFaultPoints(4, "after")).catch(() => {});
  expect(await findForeignWrites(options)).toEqual(none);
  await restore(4);
  expect(await findForeignWrites(options)).toEqual(none);
});

test("a plain write, one of a transaction, and one between our batches are named; earlier ones not", async () => {
  const setting = await createSetting();
  const { name, control } = setting;
  await fill(setting);
  const client = await openClient({ appName: "somebody else" });
  const items = client.db(name).collection<{ _id: number | string; by?: string }>("items");
  await items.insertOne({ _id: "before T" });
  const time = await chooseBackupTime({ control, faultPoints: noFaults });
  const between: SchemaRunOptions["steps"] = [
    {
      name: "one",
      async run(context) {
        await context.applyToCollection("items", { update: [{ $set: { touched: 1 } }] });
        await items.updateOne({ _id: 7 }, { $set: { by: "somebody" } });
        await context.applyToCollection("items", { update: [{ $set: { touched: 2 } }] });
      },
    },
  ];
  expect((await runSchemaSteps(await runOptions(setting, 1, between))).kind).toBe("done");
  await items.deleteOne({ _id: "before T" });
  const session = client.startSession();
  await session.withTransaction(() => items.insertOne({ _id: "in a transaction" }, { session }));
  await session.endSession();
  const options = optionsOf(setting, time);
  const found = await findForeignWrites(options);
  expect(found.writes.map(({ operation, id }) => `${operation} ${id}`)).toEqual([
    "update 7",
    'delete "before T"',
    'insert "in a transaction"',
  ]);
  await expect(refuseForeignWrites(options)).rejects.toMatchObject({
    code: "foreign-writes",
    message: expect.stringContaining('update of 7 in "items"'),
  });
});

test("since a moment: each document that others have written, and no deletion, as TTL deletion makes some", async () => {
  const setting = await createSetting();
  const { name } = setting;
  await fill(setting);
  await setting.master(1);
  const client = await openClient({ appName: "a build" });
  const { time, ...options } = optionsOf(setting, "");
  const items = client.db(name).collection<{ _id: number | string; by?: string }>("items");
  await items.updateOne({ _id: 1 }, { $set: { by: "before" } });
  const before = await databaseNowMs(client);
  // A write of the same millisecond as the moment counts, too.
  await until("a later millisecond", async () => (await databaseNowMs(client)) > before);
  const moment = await databaseNowMs(client);
  expect(await findWritesSince(options, moment)).toEqual(none);
  await items.insertOne({ _id: "seed" });
  await items.updateOne({ _id: 7 }, { $set: { by: "a build" } });
  await items.replaceOne({ _id: 8 }, { by: "a build" });
  await items.deleteMany({ _id: { $gt: 2_000 } });
  await items.createIndex({ by: 1 });
  expect((await runSchemaSteps(await runOptions(setting, 2, steps))).kind).toBe("done");
  const found = await findWritesSince(options, moment);
  expect(found.writes.map(({ operation, id }) => `${operation} ${id}`)).toEqual([
    'insert "seed"',
    "update 7",
    "replace 8",
  ]);
  expect(found.count).toBe(3);
});

test("where they were not counted to the end, that is said", () => {
  const write = { collection: "items", operation: "insert", id: "1" };
  expect(writesText([write], limits.foreignWritesCountedMax)).toBe(
    `insert of 1 in "items" and at least ${limits.foreignWritesCountedMax - 1} more`,
  );
});

type Command = (db: Db, body: Document, options?: RunCommandOptions) => Promise<Document>;

/** A client whose commands go another way. */
function withCommand(client: MongoClient, command: Command): MongoClient {
  return new Proxy(client, {
    get: (target, key) => {
      if (key !== "db") return Reflect.get(target, key).bind(target);
      return (name: string) => {
        const db = target.db(name);
        return { command: (...given: [Document, RunCommandOptions]) => command(db, ...given) };
      };
    },
  });
}

const asksForTheEnd = (body: Document) => body["pipeline"]?.[1]?.$match?.operationType === "none";

test("a master that begins to migrate while somebody looks is no stranger", async () => {
  const setting = await createSetting();
  await fill(setting);
  const { client, control } = setting;
  const time = await chooseBackupTime({ control, faultPoints: noFaults });
  const migration = await runOptions(setting, 1, steps);
  const meanwhile = withCommand(client, async (db, body, options) => {
    if (asksForTheEnd(body)) expect((await runSchemaSteps(migration)).kind).toBe("done");
    return db.command(body, options);
  });
  const options = { ...optionsOf(setting, time), client: meanwhile };
  expect(await findForeignWrites(options)).toEqual(none);
});

test("a cursor whose number happens to be small is closed as any other", async () => {
  const setting = await createSetting();
  await fill(setting);
  await setting.master(1);
  const { client, control } = setting;
  const time = await chooseBackupTime({ control, faultPoints: noFaults });
  let small = 0;
  // One cursor in a thousand has a number that the driver would read as a plain one.
  const lucky = withCommand(client, async (db, body, options) => {
    const answer = await db.command(body, options);
    if (!asksForTheEnd(body)) return answer;
    small += 1;
    const { id } = BSON.deserialize(BSON.serialize({ id: Long.fromNumber(7) }), options);
    return { ...answer, cursor: { ...answer["cursor"], id } };
  });
  const options = { ...optionsOf(setting, time), client: lucky };
  expect(await findForeignWrites(options)).toEqual(none);
  expect(small).toBe(1);
});

test("at most ten are named, and all are counted", async () => {
  const setting = await createSetting();
  await fill(setting);
  await setting.master(1);
  const { client, control, name } = setting;
  const time = await chooseBackupTime({ control, faultPoints: noFaults });
  await client
    .db(name)
    .collection<{ _id: number }>("items")
    .deleteMany({ _id: { $lt: 50 } });
  const options = optionsOf(setting, time);
  const { writes, count } = await findForeignWrites(options);
  expect([writes.length, count]).toEqual([10, 50]);
  await expect(refuseForeignWrites(options)).rejects.toMatchObject({
    message: expect.stringContaining(' in "items" and 40 more: stop those clients'),
    details: { count: 50 },
  });
});

test("a set without users cannot shut anybody out: refused with the rights that are missing", async () => {
  const client = await openClient();
  await expect(checkWriteBlock(client)).rejects.toMatchObject({
    code: "bad-argument",
    details: { missing: ["setUserWriteBlockMode", "bypassWriteBlockingMode"] },
  });
});
