// Aim: where every member looks healthy and nothing reaches a majority, each command ends by its time limit, says
// `no-majority` and that its write may still take effect, and what only reads still reads. Method: a real set with one
// secondary killed and one that is an hour behind by its configuration; the compiled program as a process.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import type { Store } from "../../src/journal/store.ts";
import { requireMajorityWrite } from "../../src/leadership/majority-write.ts";
import { type ReplicaSet, startReplicaSet } from "../../src/local/replica-set.ts";
import { workByHand } from "../../src/operator/by-hand/work-by-hand.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { exited, runCommand, startProcess } from "../../src/ports/process.ts";
import { until } from "../support/until.ts";

const main = resolve("dist/src/cli/main.js");
let set: ReplicaSet;
let client: MongoClient;
let folder: string;
let store: Store;
const run = async (...words: string[]) => {
  const asked = [main, ...words, "--mongo-url", set.url("x"), "--timeout", "3"];
  const ran = await runCommand(process.execPath, asked, { timeoutMs: 120_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
};

/** A member that votes and holds data, and lets every write wait for an hour. */
async function delay(name: string): Promise<void> {
  const { config } = await client.db("admin").command({ replSetGetConfig: 1 });
  const index = set.members.findIndex((member) => member.name === name);
  Object.assign(config.members[index], { priority: 0, secondaryDelaySecs: 3_600 });
  config.version += 1;
  await client.db("admin").command({ replSetReconfig: config });
}

beforeAll(async () => {
  set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  client = new MongoClient(set.url("x"));
  folder = await mkdtemp(join(tmpdir(), "lockstep-majority-"));
  await client.db().collection<{ _id: number }>("things").insertOne({ _id: 1 });
  const control = {
    client,
    databaseName: "lockstep_late",
    faultPoints: noFaults,
    clock: systemClock,
  };
  store = createMongoStore({ ...control, writeTimeoutMs: 1_000 });
  await store.write([{ collection: "agents", id: "a1", expect: null }]);
  const steps = join(folder, "steps.mjs");
  await writeFile(steps, "export const steps = [];\n");
});
afterAll(async () => {
  await store?.close();
  await client?.close();
  await set?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("healthy, but nothing reaches a majority", () => {
  let lost: ReplicaSet["members"][number] | undefined;
  /** Asked for in the outage, and looked at after all commands. */
  const patient = { isSettled: false, written: Promise.resolve<number | null>(null) };
  const start = { told: [] as string[], ended: Promise.resolve<unknown>(null) };
  beforeAll(async () => {
    expect((await run("init", "1.0.0", "--new-database")).code).toBe(0);
    expect((await run("backup", "create", "before", "--directory", folder)).code).toBe(0);
    const primary = await set.primary();
    const [slow, other] = set.members.filter((member) => member !== primary);
    await delay(slow?.name ?? "");
    lost = other;
    await lost?.kill();
    const agents = createMongoStore({
      client,
      databaseName: "lockstep_late",
      faultPoints: noFaults,
      clock: systemClock,
    });
    const one = { collection: "inbox", id: "patient-1", expect: null };
    patient.written = agents.write([one, { ...one, id: "patient-2" }]);
    const settle = () => {
      patient.isSettled = true;
    };
    void patient.written.then(settle, settle);
    const words = `import { createAgent } from ${JSON.stringify(resolve("dist/src/index.js"))};
      const agent = createAgent({ agent: "a2", version: "1.0.0", steps: [],
        dataDirectory: ${JSON.stringify(join(folder, "a2"))} });
      await agent.start().catch(({ code }) => process.send({ type: code }));
      process.exit();`;
    const child = startProcess(process.execPath, ["--input-type=module", "-e", words], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: { ...process.env, LOCKSTEP_MONGO_URL: set.url("x") },
    });
    child.on("message", ({ type }: { type: string }) => start.told.push(type));
    start.ended = exited(child);
  });

  test("the other two members look healthy", async () => {
    const { members } = await client.db("admin").command({ replSetGetStatus: 1 });
    const healthy = (members as { health: number }[]).filter(({ health }) => health === 1);
    expect(healthy.length).toBeGreaterThanOrEqual(2);
  });

  const files = () => ["--directory", folder];
  const commands: readonly [name: string, words: () => string[]][] = [
    ["init", () => ["init", "1.0.0"]],
    ["upgrade", () => ["upgrade", "1.1.0"]],
    ["abort", () => ["abort"]],
    ["retry", () => ["retry"]],
    ["forget", () => ["forget", "a1"]],
    ["allow-writes", () => ["allow-writes", "--force"]],
    ["backup create", () => ["backup", "create", "b", ...files()]],
    ["restore beside", () => ["restore", "before", "--to-db", "y", ...files()]],
    ["restore over the live data", () => ["restore", "before", "--confirm", "x", ...files()]],
    ["rehearse", () => ["rehearse", "1.1.0", "--steps", join(folder, "steps.mjs"), ...files()]],
  ];
  test.each(commands)("%s ends with no-majority, and says what is open", async (_name, words) => {
    const { code, text } = await run(...words());
    expect([code, text]).toEqual([4, expect.stringContaining("no-majority")]);
    expect(text).toMatch(/may still take effect|expected \d+ healthy/);
  });

  test("what only reads still answers: the versions, the upgrades, and a plan", async () => {
    for (const command of ["status", "history"]) {
      const { code, text } = await run(command);
      expect([code, text.includes("no-majority")], command).toEqual([0, false]);
    }
    const plan = await run("restore", "before", "--to-db", "y", "--dry-run", ...files());
    expect([plan.code, plan.text]).toEqual([0, expect.stringContaining("nothing was written")]);
  });

  test("the start of an agent ends, and its launcher hears that this is no fault of its version", async () => {
    await start.ended;
    expect(start.told).toEqual(["agent", "waiting", "no-majority"]);
  });

  test("a write that ran out of time is no refusal: it is there once the majority is", async () => {
    const one = { collection: "inbox", id: "one", expect: null, set: { n: 1 } };
    for (const writes of [
      [one],
      [
        { ...one, id: "two" },
        { ...one, id: "three" },
      ],
    ]) {
      await expect(store.write(writes)).rejects.toMatchObject({
        code: "no-majority",
        message: expect.stringContaining("may still take effect"),
      });
    }
    expect(await store.list("inbox")).toEqual([]);
    // An agent has nothing better to do than to wait, longer than the driver would.
    expect(patient.isSettled).toBe(false);
    await lost?.restart();
    expect(await patient.written).toBe(null);
    await until("a majority", () =>
      requireMajorityWrite({ client, databaseName: "lockstep_late" }, 1_000).then(
        () => true,
        () => false,
      ),
    );
    const ids = (await store.list("inbox")).map(({ _id }) => _id);
    expect(ids).toEqual(["one", "patient-1", "patient-2", "three", "two"]);
    expect((await run("init", "1.0.0")).code).toBe(0);
  });

  test("a majority that is lost in the middle of a command ends it", async () => {
    const { signal } = new AbortController();
    const options = { mongoUrl: set.url("x"), timeoutMs: 2_000, signal, onNotice() {} };
    const working = workByHand(options, {}, async (database) => {
      await lost?.kill();
      await database.client.db("x").collection("things").insertOne({ late: true });
      return 0;
    });
    await expect(working).rejects.toMatchObject({ code: "no-majority" });
    await lost?.restart();
  });
});
