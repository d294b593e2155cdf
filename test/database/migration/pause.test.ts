// Aim: a run of schema steps stops where it is asked to: between two batches or before an operation, never
// within one, and a later run goes on from there, each batch once. Method: the real set; a pause that is asked
// for as the n-th durable write ends, for each n.
import { describe, expect, test } from "vitest";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import type { FaultPoints } from "../../../src/ports/fault-point.ts";
import { createSetting, dyingFaultPoints, runOptions, type Setting } from "../setting.ts";

type Steps = SchemaRunOptions["steps"];

const work = async (context: SchemaContext): Promise<void> => {
  await context.addCollection("made");
  await context.applyToCollection("items", {
    update: [{ $set: { touched: { $add: [{ $ifNull: ["$touched", 0] }, 1] } } }],
  });
  await context.addIndex("items", { touched: 1 }, { name: "by-touched" });
  await context.transaction(async (database) => {
    await database.collection("made").insertOne({ _id: context.id("x"), at: context.now });
  });
};
const steps: Steps = [
  { name: "one", run: work },
  { name: "two", run: (context) => context.removeField("items", "old") },
];

async function filled(): Promise<Setting> {
  const setting = await createSetting();
  const documents = Array.from({ length: 1_200 }, (_, _id) => ({ _id, old: 1 }));
  await setting.client.db(setting.name).collection<{ _id: number }>("items").insertMany(documents);
  return setting;
}

/** The data and definitions of an undisturbed run. */
async function expectWhole({ client, name }: Setting): Promise<void> {
  const items = client.db(name).collection("items");
  expect(await items.countDocuments({ touched: 1, old: { $exists: false } })).toBe(1_200);
  expect(await items.indexExists("by-touched")).toBe(true);
  expect(await client.db(name).collection("made").countDocuments()).toBe(1);
}

/** Asks for a pause once so many durable writes have ended. */
function askedAfter(at: number) {
  const written: string[] = [];
  const faultPoints: FaultPoints = {
    async write(name, action) {
      const result = await action();
      written.push(name);
      return result;
    },
  };
  return { written, faultPoints, isPauseAsked: () => written.length >= at };
}

const progressOf = async ({ client, control }: Setting) =>
  (await client.db(control.databaseName).collection("fences").findOne({}))?.["progress"];

describe("a pause", () => {
  test("after each durable write in turn: nothing more than a note follows, another process goes on", async () => {
    for (let at = 0; ; at += 1) {
      const setting = await filled();
      const asked = askedAfter(at);
      const first = await runSchemaSteps(await runOptions(setting, 1, steps, asked));
      // The operation under way ends, but between two of its batches.
      const after = asked.written.slice(at);
      const begun = ["progress-batch", "operation-begin", "attempt"];
      expect(after.filter((name) => begun.includes(name))).toEqual([]);
      const progress = await progressOf(setting);
      expect(progress?.["startedBy"] ?? []).toEqual(first.kind === "paused" ? [] : ["a1:1"]);
      const second = await runSchemaSteps(
        await runOptions(setting, 2, steps, { holder: "a2:1", isDead: async () => true }),
      );
      expect(second.kind).toBe("done");
      await expectWhole(setting);
      if (first.kind === "done") {
        expect(at).toBeGreaterThan(12);
        return;
      }
    }
  });

  test("before the first write: nothing is noted, so that the migration looks at the live data again", async () => {
    const setting = await filled();
    const paused = await runSchemaSteps(
      await runOptions(setting, 1, steps, { isPauseAsked: () => true }),
    );
    expect(paused).toEqual({ kind: "paused" });
    expect(await progressOf(setting)).toBeUndefined();
  });

  test("killed before or after its note: a process that leaves at a safe point has not died in the step", async () => {
    for (const when of ["before", "after"] as const) {
      const setting = await filled();
      for (let epoch = 1; epoch <= 3; epoch += 1) {
        // No batch is committed in between: three deaths in the step would be a verdict.
        const dying = dyingFaultPoints(2, when);
        let writes = 0;
        const faultPoints: FaultPoints = {
          write: (name, action) =>
            name === "step-pause" || name === "attempt"
              ? dying.write(name, action).finally(() => (writes += 1))
              : action(),
        };
        const isPauseAsked = () => writes >= 1;
        const more = { holder: `a${epoch}:1`, isDead: async () => true, isPauseAsked };
        const run = await runOptions(setting, epoch, steps, { ...more, faultPoints });
        const outcome = await runSchemaSteps(run).then(
          ({ kind }) => kind,
          () => "died",
        );
        // A death before the note counts as one in the step: the second one is the verdict.
        expect(outcome).toBe(when === "before" && epoch === 3 ? "failed" : "died");
      }
    }
  });

  test.each<[string, (context: SchemaContext) => Promise<void>]>([
    ["lets the error pass", work],
    ["catches it, and ends", (context) => work(context).catch(() => {})],
    [
      "catches it, and goes on",
      async (context) => {
        await work(context).catch(() => {});
        await context.removeField("items", "old").catch(() => {});
        await context.dropCollection("items");
      },
    ],
    [
      "says that it has failed",
      (context) =>
        work(context).catch((error: unknown) => {
          throw new Error("the step has failed", { cause: error });
        }),
    ],
  ])("is one whatever the step makes of it: it %s", async (_name, run) => {
    const setting = await filled();
    const asked = askedAfter(4);
    const paused = await runSchemaSteps(
      await runOptions(setting, 1, [{ name: "one", run }], asked),
    );
    expect(paused).toEqual({ kind: "paused" });
    const before = await progressOf(setting);
    expect(before?.["operation"]).toBeLessThan(2);
    const whole = [{ name: "one", run: work }, ...steps.slice(1)];
    const done = await runSchemaSteps(await runOptions(setting, 1, whole));
    expect(done.kind).toBe("done");
    await expectWhole(setting);
  });

  test("a failure that comes before the safe point is a failure", async () => {
    const setting = await filled();
    let isAsked = false;
    const run = async () => {
      isAsked = true;
      throw new Error("no");
    };
    const failed = await runSchemaSteps(
      await runOptions(setting, 1, [{ name: "one", run }], { isPauseAsked: () => isAsked }),
    );
    expect(failed).toMatchObject({ kind: "failed", reason: { code: "step-failed" } });
  });
});
