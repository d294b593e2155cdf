// Aim: a local replica set is real, survives the loss of its primary, and leaves nothing behind, even
// when its owner dies with -9. Method: real mongods; their process ids and folders looked up after.
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { startReplicaSet } from "../../src/local/replica-set.ts";
import { exited, signalProcess, startProcess } from "../../src/ports/process.ts";
import { until } from "../support/until.ts";

const isThere = (pid: number) => signalProcess(pid, 0);
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test("a killed primary is followed by another; after stop no process is left", async () => {
  const set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  onTestFinished(() => set.stop());
  const client = new MongoClient(set.url("things"));
  onTestFinished(() => client.close());
  const things = client.db().collection<{ _id: number }>("things");
  const safe = { writeConcern: { w: "majority" } } as const;
  await things.insertOne({ _id: 1 }, safe);
  const first = await set.primary();
  await first.kill();
  expect(first.alive).toBe(false);
  const second = await set.primary();
  expect(second.name).not.toBe(first.name);
  await things.insertOne({ _id: 2 }, safe);
  await first.restart();
  expect(await things.countDocuments({}, { readConcern: { level: "majority" } })).toBe(2);
  const pids = set.members.map(({ pid }) => pid);
  expect(pids.every(isThere)).toBe(true);
  await set.stop();
  expect(pids.filter(isThere)).toEqual([]);
});

test("a port that another set took after it was found free: the set does not take that one for its own", async () => {
  const mongodPath = inject("mongodPath");
  const other = await startReplicaSet({ mongodPath, members: 1 });
  onTestFinished(() => other.stop());
  const directory = await mkdtemp(join(tmpdir(), "lockstep-second-set-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const ports = other.members.map(({ port }) => port);
  await expect(startReplicaSet({ mongodPath, members: 1, directory, ports })).rejects.toEqual(
    expect.objectContaining({ code: "port-taken" }),
  );
  expect((await other.primary()).alive).toBe(true);
});

test("kill -9 of the owner: no mongod and no folder stays", async () => {
  const child = startProcess(
    process.execPath,
    [resolve("dist/test/fixtures/owner-of-a-set.js"), inject("mongodPath")],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const line = await until("the set", () => /^(\{.*\})\n/.exec(text)?.[1], 40_000);
  const { pids, directory } = JSON.parse(line) as { pids: number[]; directory: string };
  expect(pids).toHaveLength(3);
  expect(pids.every(isThere)).toBe(true);
  signalProcess(child.pid ?? 0, "SIGKILL");
  await exited(child);
  await until("all of them gone", () => pids.every((pid) => !isThere(pid)));
  await until("the folder gone", async () => !(await exists(directory)));
});
