// Aim: a rehearsal loads what its steps reach, never passes on an empty collection, and means the same as one on the
// whole copy. Method: the real set; every kind of collection; every operation of a step; damaged files.
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { Double, Long } from "mongodb";
import { describe, expect, test } from "vitest";
import { haveUniqueKeys } from "../../../src/database/definitions/unique-keys.ts";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { differences, readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { fillWithEverything } from "../everything.ts";
import { createSetting, runOptions, type Setting, takeCopy } from "../setting.ts";
import { onPartOf } from "./stage.ts";

const stepOf = (run: (context: SchemaContext) => Promise<void>, reads?: readonly string[]) => ({
  name: "the-step",
  run,
  ...(reads ? { reads } : {}),
});

/** Three collections with three documents each, a view, and a view of that view. */
async function fillThree({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  for (const each of ["left", "right", "other"]) {
    const rows = [1, 2, 3].map((n) => ({ _id: n as never, n, old: n }));
    await database.collection(each).insertMany(rows);
    await database.collection(each).createIndex({ n: 1 }, { name: "by-n", unique: true });
  }
  await database.createCollection("lefts", { viewOn: "left", pipeline: [{ $match: { n: 1 } }] });
  await database.createCollection("top", { viewOn: "lefts", pipeline: [] });
}

describe("a copy that is loaded in part", () => {
  test("has every definition at once, and the documents of what is asked for, proven", async () => {
    const setting = await createSetting();
    await fillWithEverything(setting);
    const copy = await takeCopy(setting);
    await onPartOf(setting, copy, async ({ part, name, counts }) => {
      const found = () => readCatalogue(setting.client, name);
      expect(differences(copy.catalogue, await found(), { ignoreUuid: true })).toEqual([]);
      // No hash proves these two.
      expect(Object.keys(await counts()).toSorted()).toEqual(["capped", "odd"]);
      const missing = part.missing("all");
      expect(missing.length).toBeGreaterThan(8);
      for (const each of missing) {
        expect(part.missing([each])).toEqual([each]);
        await part.load([each]);
        expect(part.missing([each])).toEqual([]);
      }
      expect(part.missing("all")).toEqual([]);
      expect(await digestDatabase(setting.client, name)).toEqual(copy.digest);
      expect(differences(copy.catalogue, await found(), { ignoreUuid: true })).toEqual([]);
    });
  });

  test("a view among what an operation reaches stands for all", async () => {
    const setting = await createSetting();
    await fillThree(setting);
    await onPartOf(setting, await takeCopy(setting), async ({ part }) => {
      expect(part.missing(["left", "nothing"])).toEqual(["left"]);
      expect(part.missing(["top"])).toEqual(["left", "other", "right"]);
      expect(part.missing([])).toEqual([]);
    });
  });

  test("a file that is not what was backed up fails the rehearsal, even of a step that goes on", async () => {
    const setting = await createSetting();
    await fillThree(setting);
    const copy = await takeCopy(setting);
    await onPartOf(setting, copy, async ({ rehearse }) => {
      await truncate(join(copy.directory, setting.name, "left.bson"), 0);
      const rehearsing = rehearse([
        stepOf(async (context) => {
          await context.removeField("left", "old").catch(() => {});
          await context.removeField("left", "old").catch(() => {});
        }),
      ]);
      await expect(rehearsing).rejects.toMatchObject({
        code: "backup-mismatch",
        message: expect.stringContaining('the data of "left" differs'),
      });
    });
  });
});

const change = { change: (document: Record<string, unknown>) => ({ $set: { m: document["n"] } }) };
const operations: Readonly<Record<string, (context: SchemaContext) => Promise<void>>> = {
  addCollection: (context) => context.addCollection("left"),
  dropCollection: (context) => context.dropCollection("left"),
  renameCollection: (context) => context.renameCollection("left", "elsewhere"),
  setValidator: (context) => context.setValidator("left", { n: { $gt: 0 } }),
  addIndex: (context) => context.addIndex("left", { old: 1 }, { name: "by-old" }),
  dropIndex: (context) => context.dropIndex("left", "by-n"),
  renameField: (context) => context.renameField("left", "old", "new"),
  removeField: (context) => context.removeField("left", "old"),
  applyToCollection: (context) => context.applyToCollection("left", change),
};

describe("each operation of a step", () => {
  test.each(Object.entries(operations))("%s loads its collection first", async (_name, run) => {
    const setting = await createSetting();
    await fillThree(setting);
    const copy = await takeCopy(setting);
    const on = await createSetting();
    await fillThree(on);
    const whole = await runSchemaSteps(await runOptions(on, 1, [stepOf(run)]));
    await onPartOf(setting, copy, async ({ part, name, rehearse, counts }) => {
      const { result, catalogue } = await rehearse([stepOf(run)]);
      expect(part.missing("all")).toEqual(["other", "right"]);
      // As on the whole data, with the same figures.
      const live = await readCatalogue(on.client, on.name);
      expect(differences(live, catalogue, { ignoreUuid: true })).toEqual([]);
      const timeless = (given: unknown) =>
        JSON.parse(JSON.stringify(given).replace(/"durationMs":\d+/g, '"durationMs":0'));
      expect(timeless(result)).toEqual(timeless(whole));
      const digest = await digestDatabase(on.client, on.name);
      const found = await digestDatabase(setting.client, name);
      for (const [each, expected] of Object.entries(digest)) {
        if (each !== "other" && each !== "right") expect(found[each]).toEqual(expected);
      }
      expect(Object.keys(await counts())).toEqual(
        Object.keys(digest).filter((each) => each !== "other" && each !== "right"),
      );
    });
  });

  test("a second one on it loads nothing, nor does one on a name that the copy lacks", async () => {
    const setting = await createSetting();
    await fillThree(setting);
    await onPartOf(setting, await takeCopy(setting), async ({ part, rehearse, name }) => {
      const { result } = await rehearse([
        stepOf(async (context) => {
          await context.addCollection("new");
          await context.removeField("left", "old");
          await context.applyToCollection("left", { update: [{ $set: { again: true } }] });
        }),
      ]);
      expect(result.kind).toBe("done");
      expect(part.missing("all")).toEqual(["other", "right"]);
      const left = setting.client.db(name).collection("left");
      expect(await left.countDocuments({ old: { $exists: false }, again: true })).toBe(3);
    });
  });

  test("a step that fails on the real documents fails in the rehearsal", async () => {
    const setting = await createSetting();
    await fillThree(setting);
    await setting.client
      .db(setting.name)
      .collection("left")
      .updateMany({}, { $set: { same: 1 } });
    await onPartOf(setting, await takeCopy(setting), async ({ rehearse }) => {
      const { result } = await rehearse([
        stepOf((context) => context.addIndex("left", { same: 1 }, { name: "one", unique: true })),
      ]);
      expect(result).toMatchObject({ kind: "failed", reason: { code: "schema-conflict" } });
    });
  });
});

describe("a transaction", () => {
  type Body = Parameters<SchemaContext["transaction"]>[0];
  const rehearsed = async (body: Body, reads?: readonly string[]) => {
    const setting = await createSetting();
    await fillThree(setting);
    return onPartOf(setting, await takeCopy(setting), async ({ part, rehearse, name }) => {
      const { result } = await rehearse([stepOf((context) => context.transaction(body), reads)]);
      const sums = await setting.client.db(name).collection("sums").find().toArray();
      return { result, sums, missing: part.missing("all") };
    });
  };
  const count: Body = async (database) => {
    const sum = await database.collection("left").countDocuments();
    await database.collection("sums").insertOne({ _id: 1, sum });
  };
  const joining: Body = async (database) => {
    const pipeline = [{ $lookup: { from: "other", as: "o", pipeline: [] } }];
    const stage = { $lookup: { from: "right", as: "r", pipeline } };
    await database.collection("left").aggregate([stage]).toArray();
  };

  test("loads everything where the step does not say what it reads", async () => {
    const { sums, missing } = await rehearsed(count);
    expect(sums).toEqual([{ _id: 1, sum: 3 }]);
    expect(missing).toEqual([]);
  });

  test("loads only what the step declares", async () => {
    const { sums, missing } = await rehearsed(count, ["left", "sums"]);
    expect(sums).toEqual([{ _id: 1, sum: 3 }]);
    expect(missing).toEqual(["other", "right"]);
  });

  test.each([
    ["another collection", count, ["sums", "right"], "left"],
    ["a collection that it makes", count, ["left"], "sums"],
    ["a collection that a pipeline joins", joining, ["left", "right"], "other"],
  ] as const)("is refused for %s if the step does not declare it", async (...given) => {
    const [, body, reads, collection] = given;
    const { result, missing } = await rehearsed(body, reads);
    expect(result).toMatchObject({
      kind: "failed",
      reason: { code: "bad-argument", details: { step: "the-step", collection } },
    });
    expect(missing).toContain("other");
  });

  test("joins a view that the step declares, with everything below it", async () => {
    const { result, missing } = await rehearsed(
      async (database) => {
        const [first] = await database
          .collection("right")
          .aggregate([{ $lookup: { from: "top", as: "tops", pipeline: [] } }])
          .toArray();
        await database.collection("sums").insertOne({ _id: 1, tops: first?.["tops"].length });
      },
      ["right", "top", "sums"],
    );
    expect([result.kind, missing]).toEqual(["done", []]);
  });
});

describe("what no step reaches", () => {
  const collation = { locale: "en", strength: 1 };
  const partial = { partialFilterExpression: { a: { $gt: 1 } } };
  type Case = readonly [name: string, rows: readonly object[], key: object, more?: object];
  const surelyUnique: readonly Case[] = [
    ["a missing field", [{ a: 1 }, { a: 2 }, {}], { a: 1 }],
    ["two fields", [{ a: 1, b: 1 }, { a: 1, b: 2 }, { a: 1 }], { a: 1, b: -1 }],
    ["a path", [{ a: { b: 1 } }, { a: { b: 2 } }, { a: 5 }], { "a.b": 1 }],
    ["sparse", [{ a: 1 }, {}, {}], { a: 1 }, { sparse: true }],
    ["partial", [{ a: 1 }, { a: 1 }, { a: 2 }], { a: 1 }, partial],
    ["cases", [{ a: "x" }, { a: "X" }], { a: 1 }],
  ];
  const onlyBuiltUnique: readonly Case[] = [
    ["an array", [{ a: [1, 2] }, { a: 3 }], { a: 1 }],
    ["an array on the path", [{ a: [{ b: 1 }, { b: 2 }] }], { "a.b": 1 }],
    ["words", [{ a: "some words" }], { a: "text" }],
  ];
  const shared: readonly Case[] = [
    ["shared", [{ a: 1 }, { a: 1 }], { a: 1 }],
    ["shared numbers", [{ a: new Double(1) }, { a: Long.fromNumber(1) }], { a: 1 }],
    ["shared null", [{ a: 1 }, {}, { a: null }], { a: 1 }],
    ["shared elements", [{ a: [1, 2] }, { a: 2 }], { a: 1 }],
    ["shared words", [{ a: "word" }, { a: "words" }], { a: "text" }],
    ["shared cases", [{ a: "x" }, { a: "X" }], { a: 1 }, { collation }],
  ];

  /** Makes a collection of each case. The index is unique only in the catalogue that is returned. */
  async function fillCases({ client, name }: Setting, cases: readonly Case[]) {
    const claimed = await createSetting();
    for (const [each, rows, key, more] of cases) {
      const index = [key as never, { name: "one", ...more }] as const;
      await client
        .db(name)
        .collection(each)
        .insertMany([...rows]);
      await client
        .db(name)
        .collection(each)
        .createIndex(...index);
      const empty = claimed.client.db(claimed.name).collection(each);
      await empty.createIndex(index[0], { ...index[1], unique: true });
    }
    return readCatalogue(claimed.client, claimed.name);
  }

  /** The manifest says that the indexes are unique. The live data and the files are as they were filled. */
  async function rehearsedOn(cases: readonly Case[]) {
    const setting = await createSetting();
    const { collections } = await fillCases(setting, cases);
    const indexesOf = (name: string) => collections.find((each) => each.name === name)?.indexes;
    return onPartOf(
      setting,
      await takeCopy(setting),
      async ({ part, rehearse }) => {
        const { result } = await rehearse([stepOf((context) => context.addCollection("new"))]);
        return { result: result.kind, missing: part.missing("all") };
      },
      ({ manifest, equal }) => {
        const claimed = manifest.collections.map((entry) => {
          return { ...entry, indexes: indexesOf(entry.name) ?? [] };
        });
        return { equal, manifest: { ...manifest, collections: claimed } };
      },
    );
  }

  test("stays unloaded where its unique keys surely differ, and is loaded where only a build can tell", async () => {
    const found = await rehearsedOn([...surelyUnique, ...onlyBuiltUnique]);
    const names = surelyUnique.map(([name]) => name).toSorted();
    expect(found).toEqual({ result: "done", missing: names });
  });

  test("fails the rehearsal where a unique index could not be built on it", async () => {
    await expect(rehearsedOn([shared[0] as Case])).rejects.toMatchObject({
      code: "restore-failed",
      message: expect.stringContaining('the indexes of "shared" cannot be built'),
    });
  });

  test("never counts as unique where documents share a key", async () => {
    const setting = await createSetting();
    const { collections } = await fillCases(setting, shared);
    for (const { name, indexes } of collections) {
      const [index = ""] = indexes;
      expect(await haveUniqueKeys(setting.client, setting.name, name, index), name).toBe(false);
    }
    expect(collections.length).toBe(shared.length);
  });
});
