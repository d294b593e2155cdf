// Aim: each batch takes effect exactly once, whoever dies where; what fails is named. Method: the
// real set; a fault points that dies at each durable write in turn; successors with higher epochs.
import { Binary, Double, Long, ObjectId } from "mongodb";
import { describe, expect, test } from "vitest";
import {
  type Batch,
  batchSizeOf,
  readBatch,
} from "../../../src/database/documents/batches/read-batch.ts";
import type { Runner, SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { limits } from "../../../src/limits.ts";
import type { TypedBytes } from "../../../src/mongo/bson/elements.ts";
import {
  createSetting,
  dyingFaultPoints,
  losingSeam,
  runOptions,
  type Setting,
} from "../setting.ts";

const step = (
  run: SchemaRunOptions["steps"][number]["run"],
  name = "one",
): SchemaRunOptions["steps"] => [{ name, run }];
const count = step(async (context) => {
  await context.addCollection("made");
  await context.applyToCollection("items", {
    update: [{ $set: { touched: { $add: [{ $ifNull: ["$touched", 0] }, 1] } } }],
  });
  await context.addIndex("items", { touched: 1 }, { name: "by-touched" });
  await context.transaction(async (database) => {
    await database.collection("made").insertOne({ _id: context.id("x"), at: context.now });
  });
});

async function fill({ client, name }: Setting, total = 2_500): Promise<void> {
  const kinds = [
    (n: number) => n,
    (n: number) => `text-${n}`,
    (n: number) => new Double(n + 0.5),
    (n: number) => ({ nested: n }),
    () => new ObjectId(),
    (n: number) => new Date(n),
  ];
  const documents = Array.from({ length: total }, (_, n) => ({
    _id: (kinds[n % kinds.length] as (n: number) => unknown)(n),
    n,
  }));
  await client
    .db(name)
    .collection<{ _id: unknown }>("items")
    .insertMany(documents as never[]);
}

const touched = ({ client, name }: Setting) =>
  client
    .db(name)
    .collection("items")
    .aggregate([{ $group: { _id: "$touched", count: { $sum: 1 } } }])
    .toArray();

const failing = (): never => {
  throw new Error("no");
};

describe("schema steps", () => {
  test("documents of all types of _id are reached, once; done again it is done already", async () => {
    const setting = await createSetting();
    await fill(setting);
    const first = await runSchemaSteps(await runOptions(setting, 1, count));
    expect(first).toMatchObject({ kind: "done", documents: 2_500 });
    expect(await touched(setting)).toEqual([{ _id: 1, count: 2_500 }]);
    await runSchemaSteps(await runOptions(setting, 2, count));
    expect(await touched(setting)).toEqual([{ _id: 1, count: 2_500 }]);
  });

  test.each(["before", "after"] as const)(
    "killed %s each durable write in turn: a successor ends it, each batch once",
    async (when) => {
      for (let at = 1; ; at += 1) {
        const setting = await createSetting();
        await fill(setting, 1_200);
        const faultPoints = dyingFaultPoints(at, when);
        // Killed inside a step it looks like the step's fault; between steps it throws.
        const died = await runSchemaSteps(
          await runOptions(setting, 1, count, { faultPoints }),
        ).then(
          ({ kind }) => kind === "failed",
          () => true,
        );
        const result = await runSchemaSteps(await runOptions(setting, 2, count));
        expect(result.kind).toBe("done");
        expect(await touched(setting)).toEqual([{ _id: 1, count: 1_200 }]);
        expect(await setting.client.db(setting.name).collection("made").countDocuments()).toBe(1);
        if (!died) {
          expect(at).toBeGreaterThan(5);
          break;
        }
      }
    },
  );

  const alike = {
    "dates within a second": (n: number) => new Date(n + 500),
    "bytes that are no text": (n: number) =>
      new Binary(Uint8Array.of(128 + (n >> 7), 128 + (n & 127))),
    "a number, then its text": (n: number) => (n < 1_000 ? n : n === 1_000 ? "999" : `999-${n}`),
    // Past 2^53, where a number of JavaScript has no place for each.
    "long numbers": (n: number) => Long.fromString(`90071992547${40992 + n}`),
    "nested keys like integers": (n: number) =>
      new Map([
        ["2024", 1],
        ["10", n],
      ]),
  };

  test.each(Object.entries(alike))(
    "ids that look alike: %s: none is passed over",
    async (_, id) => {
      const setting = await createSetting();
      const items = setting.client.db(setting.name).collection<{ _id: unknown }>("items");
      const documents = Array.from({ length: 2_200 }, (_item, n) => ({ _id: id(n), old: 1, n }));
      await items.insertMany(documents as never[]);
      const steps = step(async (context) => {
        // A document that is done leaves the filter, so the next one is then the first that is found.
        await context.removeField("items", "old");
        await context.applyToCollection("items", {
          filter: { seen: { $exists: false } },
          change: (item) => ({ $set: { seen: item["n"] } }),
        });
      });
      const faultPoints = dyingFaultPoints(4, "after");
      await runSchemaSteps(await runOptions(setting, 1, steps, { faultPoints })).catch(() => {});
      const result = await runSchemaSteps(await runOptions(setting, 2, steps));
      expect(result).toMatchObject({ kind: "done", documents: 4_400 });
      const isDone = { old: { $exists: false }, $expr: { $eq: ["$seen", "$n"] } };
      expect(await items.countDocuments(isDone)).toBe(2_200);
    },
  );

  test.each(["progress", "rehearsal"] as const)(
    "each commit whose answer is lost counts once in the %s, also where a change may not be made twice",
    async (progressField) => {
      const setting = await createSetting();
      await fill(setting, 1_200);
      const steps = step(async (context) => {
        await context.addCollection("made");
        await context.applyToCollection("items", {
          change: ({ touched }) => {
            if (touched !== undefined) throw new Error("it is touched already");
            return { $set: { touched: 1 } };
          },
        });
        await context.renameField("items", "n", "m");
        await context.transaction(async (database) => {
          await database.collection("made").insertOne({ at: context.now });
        });
        await context.dropCollection("made");
      });
      const faultPoints = losingSeam();
      const options = await runOptions(setting, 1, steps, { faultPoints, progressField });
      expect(await runSchemaSteps(options)).toMatchObject({ kind: "done", documents: 2_400 });
      expect(faultPoints.lost).toEqual(
        new Set([
          ...["attempt", "operation-begin", "add-collection", `${progressField}-batch`],
          ...["operation-end", "step-transaction", "step-end"],
        ]),
      );
      expect(await touched(setting)).toEqual([{ _id: 1, count: 1_200 }]);
      const items = setting.client.db(setting.name).collection("items");
      expect(await items.countDocuments({ n: { $exists: false }, m: { $gte: 0 } })).toBe(1_200);
    },
  );

  test("a deposed master changes nothing, and that is no failed step", async () => {
    const setting = await createSetting();
    await fill(setting, 10);
    const old = await runOptions(setting, 1, count);
    await setting.master(2);
    await expect(runSchemaSteps(old)).rejects.toMatchObject({ code: "fenced" });
    expect(await touched(setting)).toEqual([{ _id: null, count: 10 }]);
  });

  test("a change that throws names up to ten documents", async () => {
    const setting = await createSetting();
    const items = Array.from({ length: 1_500 }, (_, n) => ({
      _id: n as never,
      title: n % 100 === 7 ? n : `t${n}`,
    }));
    await setting.client.db(setting.name).collection("items").insertMany(items);
    const lower = step((context) =>
      context.applyToCollection("items", {
        change: (item) => ({ $set: { lower: (item["title"] as string).toLowerCase() } }),
      }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, lower));
    if (result.kind !== "failed") throw new Error("expected a failed step");
    expect(result.reason.code).toBe("step-failed");
    const named = result.reason.details["documents"] as readonly { id: string }[];
    expect(named.map(({ id }) => Number(id))).toEqual([
      7, 107, 207, 307, 407, 507, 607, 707, 807, 907,
    ]);
  });

  test("an index: duplicates named, an equal one a success, another of its name refused", async () => {
    const setting = await createSetting();
    await setting.client
      .db(setting.name)
      .collection("items")
      .insertMany([{ a: 1 }, { a: 1 }]);
    const unique = step((context) =>
      context.addIndex("items", { a: 1 }, { name: "a", unique: true }),
    );
    const refused = await runSchemaSteps(await runOptions(setting, 1, unique));
    expect(JSON.stringify(refused)).toContain('{\\"a\\":1} in ');
    const plain = step((context) => context.addIndex("items", { a: 1 }, { name: "a" }));
    const again = { upgradeId: "u000003" };
    expect((await runSchemaSteps(await runOptions(setting, 2, plain, again))).kind).toBe("done");
    const more = { upgradeId: "u000004" };
    expect((await runSchemaSteps(await runOptions(setting, 3, plain, more))).kind).toBe("done");
    const other = step((context) => context.addIndex("items", { b: 1 }, { name: "a" }));
    const last = await runSchemaSteps(
      await runOptions(setting, 4, other, { upgradeId: "u000005" }),
    );
    expect(last).toMatchObject({ kind: "failed", reason: { code: "schema-conflict" } });
  });

  test("a unique index over arrays: what only its build can see is named all the same", async () => {
    const setting = await createSetting();
    const items = setting.client.db(setting.name).collection("items");
    await items.insertMany([{ tags: ["a", "b"] }, { tags: ["c", "a"] }]);
    const unique = step((context) =>
      context.addIndex("items", { tags: 1 }, { name: "tags", unique: true }),
    );
    const refused = await runSchemaSteps(await runOptions(setting, 1, unique));
    expect(refused).toMatchObject({ kind: "failed", reason: { code: "schema-conflict" } });
    expect(JSON.stringify(refused)).toContain('"tags":"a"');
  });

  test("large documents make small batches", async () => {
    const setting = await createSetting();
    const items = setting.client.db(setting.name).collection("items");
    await items.insertMany(Array.from({ length: 9 }, () => ({ text: "x".repeat(1_500_000) })));
    const touch = step((context) =>
      context.applyToCollection("items", { change: () => ({ $set: { touched: 1 } }) }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, touch));
    expect(result).toMatchObject({ kind: "done", batches: 5, documents: 9 });
  });

  test("a run of large documents among small ones does not make a large batch", async () => {
    const setting = await createSetting();
    const { client, name: databaseName } = setting;
    const items = client.db(databaseName).collection<{ _id: number }>("items");
    const small = Array.from({ length: 3_000 }, (_, _id) => ({ _id }));
    const large = Array.from({ length: 24 }, (_, n) => ({
      ...{ _id: 3_000 + n, text: "x".repeat(1024 * 1024) },
    }));
    await items.insertMany([...small, ...large]);
    const runner = { options: { client, databaseName } } as unknown as Runner;
    const { documents: size } = await batchSizeOf(runner, "items");
    const change = { filter: {}, changeOf: () => null };
    let walked = 0;
    for (let last: TypedBytes | null = null; ; ) {
      const batch: Batch = await readBatch(runner, "items", change, last, size);
      if (batch.length === 0) break;
      const bytes = batch.reduce((sum, document) => sum + document.bytes.byteLength, 0);
      expect(bytes).toBeLessThan(limits.batchBytesMax + 2 * 1024 * 1024);
      walked += batch.length;
      last = batch.at(-1)?.id ?? null;
    }
    expect(walked).toBe(3_024);
    const touch = step((context) =>
      context.applyToCollection("items", { change: () => ({ $set: { touched: 1 } }) }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, touch));
    expect(result).toMatchObject({ kind: "done", documents: 3_024 });
    expect(await items.countDocuments({ touched: 1 } as object)).toBe(3_024);
  });

  test("nested ids are told as they are", async () => {
    const setting = await createSetting();
    const items = setting.client.db(setting.name).collection<{ _id: object }>("items");
    await items.insertOne({ _id: { country: "ch", number: 4 } });
    const fails = step((context) => context.applyToCollection("items", { change: failing }));
    const result = await runSchemaSteps(await runOptions(setting, 1, fails));
    expect(JSON.stringify(result)).toContain('{\\"country\\":\\"ch\\",\\"number\\":4}');
  });

  test("a step that does not await its operations, or asks for others the next time", async () => {
    const setting = await createSetting();
    await fill(setting, 10);
    const careless = step(async (context) => {
      void context.addCollection("x").catch(() => {});
    });
    const result = await runSchemaSteps(await runOptions(setting, 1, careless));
    expect(result).toMatchObject({ kind: "failed", reason: { code: "step-not-deterministic" } });
  });

  test("two dead processes at one cursor are a verdict; living ones are not", async () => {
    const setting = await createSetting();
    await fill(setting, 10);
    const hanging = step(() => Promise.reject(new Error("its process dies here")));
    for (const epoch of [1, 2]) await runSchemaSteps(await runOptions(setting, epoch, hanging));
    const alive = await runSchemaSteps(await runOptions(setting, 3, hanging));
    expect(alive).toMatchObject({ reason: { code: "step-failed" } });
    const isDead = async () => true;
    const verdict = await runSchemaSteps(await runOptions(setting, 4, count, { isDead }));
    expect(verdict).toMatchObject({ kind: "failed", reason: { code: "step-kills-process" } });
    expect(await touched(setting)).toEqual([{ _id: null, count: 10 }]);
  });
});
