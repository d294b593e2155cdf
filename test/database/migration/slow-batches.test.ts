// Aim: a batch that the server ends for its duration gets smaller, and one that cannot get smaller is a failed step.
// Method: a set of its own whose transactions may last one second; functions on the server that keep it busy.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import {
  batchAfterCommit,
  firstBatchSize,
  smallerBatch,
} from "../../../src/database/documents/batches/batch-size.ts";
import { readProgress } from "../../../src/database/migration/progress.ts";
import type { SchemaRunOptions } from "../../../src/database/migration/runner.ts";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { runStepsWithDeadline } from "../../../src/database/rehearsal/steps-with-deadline.ts";
import { limits } from "../../../src/limits.ts";
import { type ReplicaSet, startReplicaSet } from "../../../src/local/replica-set.ts";
import { until } from "../../support/until.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { createSetting, runOptions } from "../setting.ts";

let set: ReplicaSet;
let client: MongoClient;

beforeAll(async () => {
  set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  for (const { directUrl } of set.members) {
    const member = await new MongoClient(directUrl).connect();
    await member.db("admin").command({ setParameter: 1, transactionLifetimeLimitSeconds: 1 });
    await member.close();
  }
  client = await new MongoClient(set.url(), { ignoreUndefined: true }).connect();
});

afterAll(async () => {
  await client?.close();
  await set?.stop();
});

const busyMs = (milliseconds: number, field: string) => ({
  $function: {
    body: `function (held) { const end = Date.now() + ${milliseconds}; while (Date.now() < end) {} return held; }`,
    args: [field],
    lang: "js",
  },
});

const step = (run: SchemaRunOptions["steps"][number]["run"]): SchemaRunOptions["steps"] => [
  { name: "slow", run },
];

describe("a slow batch ends", () => {
  test("batches get smaller until the server lets them commit, and each counts once", async () => {
    const setting = await createSetting(client);
    const items = client.db(setting.name).collection("items");
    await items.insertMany(Array.from({ length: 600 }, (_, n) => ({ n })));
    const slow = step((context) =>
      context.applyToCollection("items", {
        update: [
          { $set: { touched: { $add: [{ $ifNull: ["$touched", 0] }, 1] } } },
          { $set: { n: busyMs(6, "$n") } },
        ],
      }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, slow));
    expect(result).toMatchObject({ kind: "done", documents: 600 });
    // All documents in one transaction would take 3.6 s, and the server ends it after one.
    if (result.kind === "done") expect(result.batches).toBeGreaterThan(1);
    expect(await items.countDocuments({ touched: 1 })).toBe(600);
  });

  test("a function of the step that is slow ends its batch early, so the process can renew its lease", async () => {
    const setting = await createSetting(client);
    const items = client.db(setting.name).collection("items");
    await items.insertMany(Array.from({ length: 300 }, (_, n) => ({ n })));
    const slow = step((context) =>
      context.applyToCollection("items", {
        change: (item) => {
          const end = performance.now() + 5;
          while (performance.now() < end);
          return item["n"] === 7 ? null : { $inc: { touched: 1 } };
        },
      }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, slow));
    expect(result).toMatchObject({ kind: "done", documents: 300 });
    if (result.kind === "done") expect(result.batches).toBeGreaterThan(2);
    expect(await items.countDocuments({ touched: 1 })).toBe(299);
  });

  test("one document that takes longer than a transaction may last is a failed step", async () => {
    const setting = await createSetting(client);
    const items = client.db(setting.name).collection<{ _id: string }>("items");
    await items.insertOne({ _id: "one" });
    const slow = step((context) =>
      context.applyToCollection("items", { update: [{ $set: { n: busyMs(4_000, "$_id") } }] }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, slow));
    expect(result).toMatchObject({
      kind: "failed",
      reason: { code: "timeout", details: { documents: [{ id: "one" }] } },
    });
  });

  test("a filter that takes longer, even for one document, is a failed step", async () => {
    const setting = await createSetting(client);
    const items = client.db(setting.name).collection("items");
    await items.insertMany(Array.from({ length: 30 }, (_each, n) => ({ n })));
    const $where =
      "const end = Date.now() + 200; while (Date.now() < end) {} return this.n === 29;";
    const slow = step((context) =>
      context.applyToCollection("items", {
        filter: { $where },
        change: () => ({ $set: { a: 1 } }),
      }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, slow));
    expect(result).toMatchObject({
      kind: "failed",
      reason: {
        code: "timeout",
        message: expect.stringContaining('the filter of an operation on "items"'),
      },
    });
    expect(await items.countDocuments({ a: 1 })).toBe(0);
  });

  test("a transaction of the step's own that takes longer is a failed step", async () => {
    const setting = await createSetting(client);
    await client.db(setting.name).collection("items").insertOne({ n: 1 });
    const slow = step((context) =>
      context.transaction(async (database) => {
        const items = database.collection("items");
        await items.insertOne({ n: 2 });
        await items.aggregate([{ $project: { n: busyMs(4_000, "$n") } }]).toArray();
        await items.insertOne({ n: 3 });
      }),
    );
    const result = await runSchemaSteps(await runOptions(setting, 1, slow));
    expect(result).toMatchObject({ kind: "failed", reason: { code: "timeout" } });
    expect(await client.db(setting.name).collection("items").countDocuments()).toBe(1);
  });

  test.each(["an interruption", "the loss of its claim"])(
    "a rehearsal whose step hangs and ignores its signal ends after %s",
    async (why) => {
      const setting = await createSetting(client);
      const stopping = new AbortController();
      const hanging = step(async (context) => {
        await context.addCollection("made");
        await new Promise<void>(() => {});
      });
      const clock = createVirtualClock();
      const options = await runOptions(setting, 1, hanging, { progressField: "rehearsal" });
      const running = runStepsWithDeadline(
        why === "an interruption"
          ? { ...options, clock, signal: stopping.signal }
          : {
              ...{ ...options, clock },
              mastership: { ...options.mastership, signal: stopping.signal },
            },
        600_000,
        (run) => runSchemaSteps({ ...run, clock: options.clock }),
      );
      const ended = running.catch((error: unknown) => error);
      await until(
        "the step to hang",
        async () =>
          (await readProgress(setting.control, "rehearsal", options.upgradeId))?.operation === 1,
      );
      stopping.abort(new Error(why));
      await clock.advance(limits.effectStopGraceMs - 1);
      expect(await Promise.race([ended, Promise.resolve("still waiting")])).toBe("still waiting");
      await clock.advance(1);
      expect(await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))])).toEqual(
        new Error(why),
      );
    },
  );

  test.each([
    ["hangs", true],
    ["hangs and ignores its signal", false],
  ])("a rehearsal whose step %s is given up after its deadline", async (_, heeds) => {
    const setting = await createSetting(client);
    await client.db(setting.name).collection("items").insertOne({ n: 1 });
    const hanging = step(async (context) => {
      await context.applyToCollection("items", { update: [{ $set: { touched: 1 } }] });
      await new Promise<void>((resolve) => {
        if (heeds) context.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    });
    const clock = createVirtualClock();
    const options = await runOptions(setting, 1, hanging, { progressField: "rehearsal" });
    const running = runStepsWithDeadline({ ...options, clock }, 30_000, (run) =>
      runSchemaSteps({ ...run, clock: options.clock }),
    );
    await until(
      "the step to hang",
      async () =>
        (await readProgress(setting.control, "rehearsal", options.upgradeId))?.operation === 1,
    );
    await clock.advance(29_999);
    expect(await Promise.race([running, Promise.resolve("still running")])).toBe("still running");
    await clock.advance(1_000_000);
    expect(await running).toMatchObject({
      kind: "failed",
      reason: { code: "timeout", details: { step: "slow", noProgressMs: 30_000 } },
    });
  });

  test("the size halves down to one, and doubles up to what fits", () => {
    const first = firstBatchSize(100);
    expect(first).toEqual({ documents: 1_000, documentsMax: 1_000 });
    expect(firstBatchSize(64 * 1024 * 1024).documents).toBe(1);
    expect(smallerBatch({ documents: 1, documentsMax: 9 }).documents).toBe(1);
    const half = smallerBatch(first);
    expect(half.documents).toBe(500);
    expect(batchAfterCommit(half, 5_000)).toEqual(half);
    expect(batchAfterCommit(half, 5)).toEqual(first);
    expect(batchAfterCommit(first, 5)).toEqual(first);
  });
});
