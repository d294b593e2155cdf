// Aim: an operation that fails names the documents that it fails on, and changes nothing. Method: the real
// set; pipelines, validators and unique indexes that refuse some documents of several batches.
import { describe, expect, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { createSetting, runOptions, type Setting } from "../setting.ts";

const step = (run: SchemaRunOptions["steps"][number]["run"]): SchemaRunOptions["steps"] => [
  { name: "one", run },
];

/** 2,500 documents; those whose number ends in 99 hold what the operations cannot bear. */
async function fill({ client, name }: Setting, odd: object, validator: object = {}) {
  const database = client.db(name);
  await database.createCollection("items", { validator, validationLevel: "off" });
  const items = database.collection<{ _id: number }>("items");
  await items.insertMany(
    Array.from({ length: 2_500 }, (_, n) => ({
      _id: n,
      text: `t${n}`,
      ...(n % 200 === 99 ? odd : {}),
    })),
  );
  await database.command({ collMod: "items", validationLevel: "strict" });
  return items;
}

async function fail(setting: Setting, steps: SchemaRunOptions["steps"]) {
  const result = await runSchemaSteps(await runOptions(setting, 1, steps));
  if (result.kind !== "failed") throw new Error("expected a failed step");
  return result.reason;
}

const ids = (documents: unknown) => (documents as { id: string }[]).map(({ id }) => Number(id));

const firstTen = [99, 299, 499, 699, 899, 1099, 1299, 1499, 1699, 1899];

describe("documents that an operation fails on are named", () => {
  test("a pipeline that fails on the server", async () => {
    const setting = await createSetting();
    const items = await fill(setting, { text: 5 });
    const reason = await fail(
      setting,
      step((context) =>
        context.applyToCollection("items", {
          update: [{ $set: { parts: { $split: ["$text", "t"] } } }],
        }),
      ),
    );
    expect(reason.code).toBe("step-failed");
    expect(ids(reason.details["documents"])).toEqual(firstTen);
    expect(reason.message).toContain("$split");
    expect(await items.countDocuments({ parts: { $exists: true } })).toBe(0);
  });

  test.each(["pipeline", "function"] as const)(
    "a validator that refuses what a %s makes",
    async (kind) => {
      const setting = await createSetting();
      const items = await fill(setting, { text: 5 }, { copy: { $not: { $type: "int" } } });
      const reason = await fail(
        setting,
        step((context) =>
          context.applyToCollection(
            "items",
            kind === "pipeline"
              ? { update: [{ $set: { copy: "$text" } }] }
              : { change: (item) => ({ $set: { copy: item["text"] } }) },
          ),
        ),
      );
      expect(ids(reason.details["documents"])).toEqual(firstTen);
      expect(reason.message).toContain("failed validation");
      expect(await items.countDocuments({ copy: { $exists: true } })).toBe(0);
    },
  );

  test.each(["pipeline", "function"] as const)(
    "a filter that fails on the server, of a %s",
    async (kind) => {
      const setting = await createSetting();
      const items = await fill(setting, { text: 5 });
      const filter = { $expr: { $gt: [{ $strLenBytes: "$text" }, 0] } };
      const reason = await fail(
        setting,
        step((context) =>
          context.applyToCollection(
            "items",
            kind === "pipeline"
              ? { filter, update: [{ $set: { seen: true } }] }
              : { filter, change: () => ({ $set: { seen: true } }) },
          ),
        ),
      );
      expect(reason.code).toBe("step-failed");
      expect(ids(reason.details["documents"])).toEqual(firstTen);
      expect(reason.message).toContain("$strLenBytes");
      expect(await items.countDocuments({ seen: true })).toBe(0);
    },
  );

  test("a filter that is wrong in itself blames no document", async () => {
    const setting = await createSetting();
    await fill(setting, {});
    const reason = await fail(
      setting,
      step((context) =>
        context.applyToCollection("items", {
          filter: { $nothing: 1 },
          update: [{ $set: { a: 1 } }],
        }),
      ),
    );
    expect(reason.message).toContain("$nothing");
    expect(reason.details["documents"]).toBeUndefined();
  });

  test("documents that only fail together: the later one is named, with the value", async () => {
    const setting = await createSetting();
    const items = await fill(setting, {});
    await items.updateOne({ _id: 40 }, { $set: { text: "T7" } });
    await items.updateOne({ _id: 2_040 }, { $set: { text: "T1500" } });
    await items.createIndex({ slug: 1 }, { unique: true, sparse: true });
    const reason = await fail(
      setting,
      step((context) =>
        context.applyToCollection("items", { update: [{ $set: { slug: { $toLower: "$text" } } }] }),
      ),
    );
    expect(ids(reason.details["documents"])).toContain(40);
    expect(reason.message).toContain("t7");
  });

  test("a pipeline that no server takes blames no document", async () => {
    const setting = await createSetting();
    await fill(setting, {});
    const reason = await fail(
      setting,
      step((context) => context.applyToCollection("items", { update: [{ $nope: 1 }] })),
    );
    expect(reason).toMatchObject({ code: "step-failed", details: { step: "one" } });
    expect(reason.details["documents"]).toBeUndefined();
    expect(reason.message).toContain("$nope");
  });
});

describe("documents in the way of a unique index are named", () => {
  const unique = step((context) =>
    context.addIndex("items", { email: 1 }, { name: "email", unique: true }),
  );

  test("a missing field counts as null, and its documents are named", async () => {
    const setting = await createSetting();
    const items = setting.client
      .db(setting.name)
      .collection<{ _id: string; email?: string | null }>("items");
    await items.insertMany([
      { _id: "missing" },
      { _id: "null", email: null },
      { _id: "some", email: "a@b" },
    ]);
    const reason = await fail(setting, unique);
    expect(reason.code).toBe("schema-conflict");
    expect(reason.message).toContain('{"email":null} in missing, null');
    expect(reason.details["duplicates"]).toEqual([
      { value: { email: null }, documents: ["missing", "null"] },
    ]);
  });

  test("many documents of one value: the first ten are named", async () => {
    const setting = await createSetting();
    const items = setting.client
      .db(setting.name)
      .collection<{ _id: number; email: string }>("items");
    await items.insertMany(Array.from({ length: 40 }, (_, n) => ({ _id: n, email: "a@b" })));
    const reason = await fail(setting, unique);
    const [first] = reason.details["duplicates"] as { documents: string[] }[];
    expect(first?.documents).toHaveLength(10);
  });

  test("what only the build can see, the elements of arrays, is named as well", async () => {
    const setting = await createSetting();
    const items = setting.client
      .db(setting.name)
      .collection<{ _id: string; email: string[] }>("items");
    await items.insertMany([
      { _id: "one", email: ["a", "b"] },
      { _id: "two", email: ["c", "a"] },
    ]);
    const reason = await fail(setting, unique);
    expect(reason.message).toContain('{"email":"a"} in one, two');
  });
});
