// Aim: values that JavaScript cannot hold are in nobody's way. Method: the real set, with such values as
// `_id` and beside it; a walk whose every batch begins at each of them; copies, restores and strangers.

import { describe, expect, test } from "vitest";
import { readBatch } from "../../../src/database/documents/batches/read-batch.ts";
import { updateRaw } from "../../../src/database/documents/raw-update.ts";
import { findForeignWrites } from "../../../src/database/isolation/foreign-writes.ts";
import type { Runner, SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { loadDatabase } from "../../../src/database/restore/load/load-database.ts";
import { documentOf, fieldAt, type TypedBytes } from "../../../src/mongo/bson/elements.ts";
import { insertRaw } from "../../../src/mongo/bson/raw-insert.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { element, int32, oddValues, string } from "../odd-values.ts";
import { createSetting, never, runOptions, type Setting, takeCopy, targetIn } from "../setting.ts";

// An equal number in another type is the same `_id`.
const ids = Object.entries(oddValues);

/** A document for each odd `_id`, `more` plain ones, and each odd value beside a plain `_id`. */
async function fill({ client, name }: Setting, more = 0): Promise<number> {
  const documents = [
    ...ids.map(([what, [type, value]]) => [
      element("_id", type, value),
      element("of", 2, string(what)),
    ]),
    ...ids.map(([what, [type, value]]) => [
      element("_id", 2, string(`b ${what}`)),
      element("odd", type, value),
    ]),
    ...Array.from({ length: more }, (_, n) => [element("_id", 16, int32(1_000 + n))]),
  ].map(documentOf);
  await insertRaw(targetIn(client, name), { name: "items" }, Buffer.concat(documents));
  return documents.length;
}

async function all({ client, name }: Setting): Promise<readonly Uint8Array[]> {
  const found = client.db(name).collection("items").find({}, { raw: true }).sort({ _id: 1 });
  return (await found.toArray()) as unknown as readonly Uint8Array[];
}

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex");
const idOf = (bytes: Uint8Array) => fieldAt(bytes, "_id") as TypedBytes;
const steps = (run: SchemaRunOptions["steps"][number]["run"]): SchemaRunOptions["steps"] => [
  { name: "one", run },
];

describe("values that JavaScript cannot hold", () => {
  test.each([1, 3])(
    "a walk in batches of %i passes none over, and gets none twice",
    async (size) => {
      const setting = await createSetting();
      await fill(setting);
      const expected = (await all(setting)).map((bytes) => hex(idOf(bytes).value));
      const { client, name: databaseName } = setting;
      const runner = { options: { client, databaseName } } as unknown as Runner;
      const walked: string[] = [];
      let last: TypedBytes | null = null;
      do {
        const batch: Awaited<ReturnType<typeof readBatch>> = await readBatch(
          runner,
          "items",
          { filter: {}, update: [] },
          last,
          size,
        );
        walked.push(...batch.map(({ id }) => hex(id.value)));
        last = batch.at(-1)?.id ?? null;
      } while (last !== null && walked.length <= expected.length);
      expect(walked).toEqual(expected);
    },
  );

  test("steps go through them, over a takeover, and change nothing else", async () => {
    const setting = await createSetting();
    const count = await fill(setting, 1_200);
    const before = await all(setting);
    const run = steps(async (context) => {
      await context.applyToCollection("items", { update: [{ $set: { by: "pipeline" } }] });
      await context.applyToCollection("items", { change: () => ({ $set: { by: "change" } }) });
      await context.removeField("items", "by");
    });
    let writes = 0;
    const faultPoints: typeof noFaults = {
      async write(_name, act) {
        writes += 1;
        const result = await act();
        if (writes === 4) throw new Error("killed here");
        return result;
      },
    };
    await runSchemaSteps(await runOptions(setting, 1, run, { faultPoints })).catch(() => {});
    const result = await runSchemaSteps(await runOptions(setting, 2, run));
    expect(result).toMatchObject({ kind: "done", documents: 3 * count });
    expect((await all(setting)).map(hex)).toEqual(before.map(hex));
  });

  test("a step that reads them is refused, and each document is named", async () => {
    const setting = await createSetting();
    const [type, value] = oddValues["a date long before"] as readonly [number, Uint8Array];
    const documents = [
      [element("_id", type, value), element("when", type, value)],
      [element("_id", 16, int32(7)), element("when", type, value)],
      [element("_id", 16, int32(8)), element("when", 10)],
    ].map(documentOf);
    await insertRaw(
      targetIn(setting.client, setting.name),
      { name: "items" },
      Buffer.concat(documents),
    );
    const run = steps((context) =>
      context.applyToCollection("items", { change: ({ when }) => ({ $set: { at: when } }) }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, run));
    expect(result).toMatchObject({
      kind: "failed",
      reason: {
        code: "step-failed",
        details: {
          documents: [
            { id: "7", error: expect.stringContaining('"when" holds a date') },
            { id: expect.stringMatching(/^BSON type 9, bytes 00/) },
          ],
        },
      },
    });
  });

  test("a document that the server refuses to change is named", async () => {
    const setting = await createSetting();
    await fill(setting);
    await setting.client
      .db(setting.name)
      .collection("items")
      .createIndex({ u: 1 }, { unique: true, sparse: true });
    const run = steps((context) =>
      context.applyToCollection("items", { change: () => ({ $set: { u: "same" } }) }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, run));
    expect(JSON.stringify(result)).toMatch(/\(E11000/);
  });

  test("a copy of them is restored byte for byte", async () => {
    const setting = await createSetting();
    await fill(setting);
    const { manifest, directory } = await takeCopy(setting);
    const to = `${setting.name}_2`;
    await loadDatabase(targetIn(setting.client, to), directory, manifest);
    const other = { ...setting, name: to };
    expect((await all(other)).map(hex)).toEqual((await all(setting)).map(hex));
    await setting.client.db(to).dropDatabase();
  });

  test("somebody else's writes to them are named", async () => {
    const setting = await createSetting();
    const { client, name, control } = setting;
    await setting.master(1);
    await fill(setting);
    const { manifest } = await takeCopy(setting);
    const odd = ["a DBPointer", "a string that is no UTF-8", "a date long before", "a name twice"];
    const session = client.startSession();
    const set = {
      type: 3,
      value: documentOf([element("$set", 3, documentOf([element("x", 16, int32(1))]))]),
    };
    for (const what of odd) {
      const [type, value] = oddValues[what] as readonly [number, Uint8Array];
      await updateRaw(client.db(name), "items", [{ id: { type, value }, update: set }], session);
    }
    await session.endSession();
    const { writes } = await findForeignWrites({
      client,
      databaseName: name,
      control,
      time: manifest.time,
      faultPoints: noFaults,
      signal: never,
    });
    const expected = odd.map((what) => {
      const [type, value] = oddValues[what] as readonly [number, Uint8Array];
      return {
        collection: "items",
        operation: "update",
        id: `BSON type ${type}, bytes ${hex(value)}`,
      };
    });
    expect(writes).toEqual(expected);
  });
});

describe("in a transaction, which may write back what it reads", () => {
  const cannot = [
    "a DBPointer",
    "a date after all that JavaScript has",
    "a name twice",
    "a string that is no UTF-8",
  ];
  const reads = ["find", "findOne", "aggregate"] as const;
  test.each(cannot.flatMap((what) => reads.map((read) => [what, read] as const)))(
    "%s, read by %s: refused with the document's id, nothing is changed",
    async (what, read) => {
      const setting = await createSetting();
      await fill(setting);
      const before = (await all(setting)).map(hex);
      const _id = `b ${what}`;
      const result = await runSchemaSteps(
        await runOptions(
          setting,
          1,
          steps((context) =>
            context.transaction(async (database) => {
              const items = database.collection("items");
              const found =
                read === "findOne"
                  ? [await items.findOne({ _id: _id as never })]
                  : read === "find"
                    ? await items.find({ _id: _id as never }).toArray()
                    : await items.aggregate([{ $match: { _id } }]).toArray();
              for (const each of found) await items.replaceOne({ _id: _id as never }, each ?? {});
            }),
          ),
        ),
      );
      expect(result).toMatchObject({
        kind: "failed",
        reason: {
          code: "step-failed",
          message: expect.stringContaining(`document ${_id} of "items"`),
        },
      });
      expect((await all(setting)).map(hex)).toEqual(before);
    },
  );

  test("a text that begins with a mark is written back as it was", async () => {
    const setting = await createSetting();
    await fill(setting);
    const before = (await all(setting)).map(hex);
    const _id = "b a string that begins with a mark";
    const result = await runSchemaSteps(
      await runOptions(
        setting,
        1,
        steps((context) =>
          context.transaction(async (database) => {
            const items = database.collection("items");
            const found = await items.findOne({ _id: _id as never });
            await items.replaceOne({ _id: _id as never }, { ...found });
          }),
        ),
      ),
    );
    expect(result.kind).toBe("done");
    expect((await all(setting)).map(hex)).toEqual(before);
  });
});
