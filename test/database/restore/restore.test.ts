// Aim: a restore killed anywhere, taken up by anybody, ends equal to the backup. Method: the real set;
// data damaged in every way; a fault points that dies at each durable write in turn.

import { MongoClient, UUID } from "mongodb";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { firstProgress } from "../../../src/database/migration/progress.ts";
import { type RestoreOptions, restoreDatabase } from "../../../src/database/restore/restore.ts";
import { startReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { differences, readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase, digestOf } from "../../../src/mongo/catalogue/digest.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { until } from "../../support/until.ts";
import { damageEverything, fillWithEverything } from "../everything.ts";
import { createSetting, dyingFaultPoints, never, type Setting, takeCopy } from "../setting.ts";

type Copy = Awaited<ReturnType<typeof takeCopy>>;

async function fill({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  for (const collection of ["kept", "changed", "dropped", "unindexed"]) {
    const rows = Array.from({ length: 50 }, (_, n) => ({ _id: n as never, n }));
    await database.collection(collection).insertMany(rows);
    await database.collection(collection).createIndex({ n: 1 }, { name: "by-n" });
  }
}

async function damage({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  await database.collection("changed").updateMany({}, { $set: { n: 0 } });
  await database.dropCollection("dropped");
  await database.collection("unindexed").dropIndex("by-n");
  await database.collection("added").insertOne({ a: 1 });
}

async function options(
  setting: Setting,
  copy: Copy,
  epoch: number,
  faultPoints: FaultPoints = noFaults,
): Promise<RestoreOptions> {
  return {
    client: setting.client,
    databaseName: setting.name,
    control: setting.control,
    mastership: await setting.master(epoch),
    directory: copy.directory,
    manifest: copy.manifest,
    catalogue: copy.catalogue,
    digest: copy.digest,
    signal: never,
    faultPoints,
    clock: systemClock,
    log: silentLog,
  };
}

async function expectEqual(setting: Setting, copy: Copy): Promise<void> {
  const { client, name } = setting;
  expect(digestOf(await digestDatabase(client, name))).toBe(digestOf(copy.digest));
  const live = await readCatalogue(client, name);
  expect(differences(copy.catalogue, live, { ignoreUuid: true })).toEqual([]);
}

describe("restore", () => {
  test("what is equal is left alone; what is not is brought back", async () => {
    const setting = await createSetting();
    await fill(setting);
    const copy = await takeCopy(setting);
    const nothing = await restoreDatabase(await options(setting, copy, 1));
    expect(nothing.restored).toEqual([]);
    await damage(setting);
    const something = await restoreDatabase(await options(setting, copy, 2));
    expect(something.restored.toSorted()).toEqual(["changed", "dropped", "unindexed"]);
    await expectEqual(setting, copy);
    const kept = (catalogue: Copy["catalogue"]) =>
      catalogue.collections.find(({ name }) => name === "kept")?.uuid;
    expect(kept(await readCatalogue(setting.client, setting.name))).toBe(kept(copy.catalogue));
  });

  test("how far the loading is stands beside the fence, and is gone at the end", async () => {
    const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
    onTestFinished(() => client.close());
    const told: unknown[] = [];
    client.on("commandStarted", ({ command }) => {
      const restoring = command["updates"]?.[0]?.u?.$set?.restoring;
      if (restoring) told.push(restoring);
    });
    const setting = await createSetting(client);
    await fill(setting);
    const copy = await takeCopy(setting);
    await damage(setting);
    await restoreDatabase(await options(setting, copy, 1));
    const last = told.at(-1) as { doneBytes: number; totalBytes: number };
    expect(last).toMatchObject({ epoch: 1, doneBytes: last.totalBytes, etaMs: 0 });
    await client.db(setting.name).dropDatabase();
    await client.db(setting.control.databaseName).dropDatabase();
  });

  test("what a step had begun to change is replaced though it is equal: a late command hits nothing", async () => {
    const setting = await createSetting();
    await fill(setting);
    const copy = await takeCopy(setting);
    const kept = async () => {
      const { collections } = await readCatalogue(setting.client, setting.name);
      return collections.find(({ name }) => name === "kept")?.uuid ?? "";
    };
    const target = await kept();
    const given = await options(setting, copy, 1);
    await setting.client
      .db(setting.control.databaseName)
      .collection<{ _id: string }>("fences")
      .updateOne(
        { _id: "master" },
        { $set: { progress: { ...firstProgress("u000002", "one"), kind: "add-index", target } } },
      );
    expect((await restoreDatabase(given)).restored).toEqual(["kept"]);
    expect(await kept()).not.toBe(target);
    await expectEqual(setting, copy);
    const late = { dropIndexes: "kept", index: "*", collectionUUID: new UUID(target) };
    await expect(setting.client.db(setting.name).command(late)).rejects.toMatchObject({
      codeName: "CollectionUUIDMismatch",
    });
    // Taken up again, there is nothing left to replace.
    expect((await restoreDatabase(await options(setting, copy, 2))).restored).toEqual([]);
  });

  test.each(["before", "after"] as const)(
    "killed %s every other durable write in turn, taken up by a successor: equal",
    { timeout: 240_000 },
    async (when) => {
      const setting = await createSetting();
      await fill(setting);
      const copy = await takeCopy(setting);
      let epoch = 1;
      // After one write is before the next: both together stop it between any two.
      for (let at = 1; ; at += 2) {
        await damage(setting);
        const faultPoints = dyingFaultPoints(at, when);
        const died = await restoreDatabase(await options(setting, copy, epoch, faultPoints)).then(
          () => false,
          () => true,
        );
        epoch += 1;
        await restoreDatabase(await options(setting, copy, epoch));
        await expectEqual(setting, copy);
        epoch += 1;
        if (!died) {
          expect(at).toBeGreaterThan(10);
          break;
        }
      }
    },
  );

  test("every kind of collection, damaged in its own way, is brought back", async () => {
    const setting = await createSetting();
    await fillWithEverything(setting);
    const copy = await takeCopy(setting);
    await damageEverything(setting);
    await restoreDatabase(await options(setting, copy, 1));
    await expectEqual(setting, copy);
    const again = await restoreDatabase(await options(setting, copy, 2));
    expect(again.restored).toEqual([]);
  });

  test.each([
    "nothing",
    "a collection",
    "a view",
    "another time series",
    "a collection of its buckets",
  ])(
    "a time series where the live database has %s of its name; a view and a collection where it has one",
    async (kind) => {
      const setting = await createSetting();
      const { client, name } = setting;
      const database = client.db(name);
      const series = async (called: string, more: object = {}) => {
        await database.createCollection(called, { timeseries: { timeField: "t", ...more } });
        await database.collection(called).insertOne({ t: new Date(0), m: 1 });
      };
      await series("weather", { metaField: "m" });
      await database.collection("weather").createIndex({ m: 1, t: 1 });
      await database.collection("plain").insertOne({ a: 1 });
      await database.createCollection("seen", { viewOn: "weather", pipeline: [] });
      const copy = await takeCopy(setting);
      for (const each of ["weather", "plain", "seen"]) await database.dropCollection(each);
      await series("plain");
      await database.collection("seen").insertOne({ a: "a user's" });
      if (kind === "a collection") await database.collection("weather").insertOne({ a: 1 });
      if (kind === "a view") await database.createCollection("weather", { viewOn: "seen" });
      if (kind === "another time series") await series("weather");
      if (kind === "a collection of its buckets") {
        await database.createCollection("system.buckets.weather");
      }
      const faultPoints = dyingFaultPoints(kind === "nothing" ? 12 : 9, "after");
      await restoreDatabase(await options(setting, copy, 1, faultPoints)).catch(() => {});
      await restoreDatabase(await options(setting, copy, 2));
      await expectEqual(setting, copy);
      const again = await restoreDatabase(await options(setting, copy, 3));
      expect(again.restored).toEqual([]);
    },
  );

  test("views that would be in a circle with the old definitions of others are made in the order that works", async () => {
    const setting = await createSetting();
    const database = setting.client.db(setting.name);
    const view = (called: string, over: string, from?: string) =>
      database.createCollection(called, {
        viewOn: over,
        pipeline: from ? [{ $lookup: { from, as: "found", pipeline: [] } }] : [],
      });
    await database.collection("items").insertOne({ a: 1 });
    const names = ["a", "b", "c", "d"];
    await view("d", "items");
    await view("c", "items", "d");
    await view("b", "c");
    await view("a", "items", "b");
    const copy = await takeCopy(setting);
    for (const each of names) await database.dropCollection(each);
    await view("a", "items");
    await view("b", "items", "a");
    await view("c", "b");
    await view("d", "items", "c");
    await restoreDatabase(await options(setting, copy, 1));
    await expectEqual(setting, copy);
  });

  test("a collection where the backup has a view or a time series is kept until all is proven", async () => {
    const setting = await createSetting();
    const database = setting.client.db(setting.name);
    await database.createCollection("seen", { viewOn: "x", pipeline: [] });
    await database.createCollection("weather", { timeseries: { timeField: "t" } });
    const copy = await takeCopy(setting);
    for (const each of ["weather", "seen"]) {
      await database.dropCollection(each);
      await database.collection(each).insertOne({ a: "a user's" });
    }
    const kept: string[] = [];
    const faultPoints: FaultPoints = {
      async write(name, action) {
        if (name === "restore-sweep") {
          const { collections } = await readCatalogue(setting.client, setting.name);
          kept.push(...collections.map((entry) => entry.name));
        }
        return action();
      },
    };
    await restoreDatabase(await options(setting, copy, 1, faultPoints));
    expect(new Set(kept.filter((name) => name.includes("replaced"))).size).toBe(2);
    await expectEqual(setting, copy);
  });

  test("what somebody has added under a name of the server's goes: buckets of nobody's, and a view over some", async () => {
    const setting = await createSetting();
    const { client, name } = setting;
    await client.db(name).createCollection("series", { timeseries: { timeField: "t" } });
    await client
      .db(name)
      .collection("series")
      .insertOne({ t: new Date(0) });
    const copy = await takeCopy(setting);
    await client.db(name).collection("system.buckets.plain").insertOne({ a: 1 });
    await client.db(name).command({ create: "raw", viewOn: "system.buckets.series" });
    await client.db(name).dropCollection("series");
    await client.db(name).createCollection("system.buckets.series");
    await restoreDatabase(await options(setting, copy, 1));
    await expectEqual(setting, copy);
    const { collections } = await readCatalogue(client, name);
    expect(collections.map((entry) => entry.name)).toEqual(["series"]);
  });

  test("what is replaced stays until all of it is proven, and is swept by whoever ends it", async () => {
    const setting = await createSetting();
    await fill(setting);
    const copy = await takeCopy(setting);
    await damage(setting);
    const asides: string[] = [];
    const faultPoints: FaultPoints = {
      async write(name, action) {
        const result = await action();
        if (name === "restore-swap") {
          const { collections } = await readCatalogue(setting.client, setting.name);
          const replaced = collections.filter((entry) => entry.name.includes("replaced"));
          asides.push(...replaced.map((entry) => entry.name));
          if (new Set(asides).size === 2) throw new Error("killed here");
        }
        return result;
      },
    };
    const first = restoreDatabase(await options(setting, copy, 1, faultPoints));
    await expect(first).rejects.toThrow("killed here");
    await restoreDatabase(await options(setting, copy, 2));
    await expectEqual(setting, copy);
  });

  test("one that failed because somebody wrote meanwhile is done again by the same master", async () => {
    const setting = await createSetting();
    await fill(setting);
    const copy = await takeCopy(setting);
    await damage(setting);
    const changed = setting.client.db(setting.name).collection("changed");
    let swapped = 0;
    const faultPoints: FaultPoints = {
      async write(name, action) {
        const result = await action();
        if (name === "restore-swap") swapped += 1;
        if (name === "restore-swap" && swapped === 3) {
          await changed.insertOne({ late: 1 });
        }
        return result;
      },
    };
    const first = restoreDatabase(await options(setting, copy, 1, faultPoints));
    await expect(first).rejects.toMatchObject({ code: "restore-failed" });
    await restoreDatabase(await options(setting, copy, 1));
    await expectEqual(setting, copy);
  });

  test("an index build in the way is ended, also one that has lost its client by a step-down", async () => {
    // With a member away, one late heartbeat of the other would end the primary, too.
    const means = { mongodPath: inject("mongodPath"), electionTimeoutMs: 20_000 };
    const set = await startReplicaSet(means);
    onTestFinished(() => set.stop());
    const own = new MongoClient(set.url());
    onTestFinished(() => own.close());
    const setting = await createSetting(own);
    await fill(setting);
    const copy = await takeCopy(setting);
    const database = own.db(setting.name);
    const primary = await set.primary();
    const away = set.members.find((member) => member !== primary);
    const isBuilding = async () => {
      const described = { listIndexes: "changed", includeBuildUUIDs: true };
      const { cursor } = await database.command(described);
      return cursor.firstBatch.some((index: { buildUUID?: unknown }) => index.buildUUID);
    };
    // It waits for every voter, and one of them does not answer.
    const build = async () => {
      const indexes = ["text", "more"].map((field) => ({ key: { [field]: 1 }, name: field }));
      const command = { createIndexes: "changed", indexes, commitQuorum: "votingMembers" };
      const outcome = database.command(command).then(
        () => "built",
        () => "ended",
      );
      await until("the build", isBuilding);
      return outcome;
    };
    away?.pause();
    await damage(setting);
    const building = build();
    await until("the build", isBuilding);
    await restoreDatabase(await options(setting, copy, 1));
    expect(await building).toBe("ended");
    await expectEqual(setting, copy);
    await damage(setting);
    const lost = build();
    await until("the build", isBuilding);
    await set.stepDown();
    expect(await lost).toBe("ended");
    expect(await isBuilding()).toBe(true);
    await restoreDatabase(await options(setting, copy, 2));
    await expectEqual(setting, copy);
    away?.resume();
  });

  test("a deposed master's restore is fenced before it touches anything", async () => {
    const setting = await createSetting();
    await fill(setting);
    const copy = await takeCopy(setting);
    const old = await options(setting, copy, 1);
    await setting.master(2);
    await damage(setting);
    const before = await digestDatabase(setting.client, setting.name);
    await expect(restoreDatabase(old)).rejects.toMatchObject({ code: "fenced" });
    expect(await digestDatabase(setting.client, setting.name)).toEqual(before);
  });
});
