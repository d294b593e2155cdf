// Aim: a database that goes away in the middle is waited for, told as such, and costs nothing. Method:
// two of three members killed with -9 while a batch is held; brought back later.
import { resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

async function isPrimary(directUrl: string): Promise<boolean> {
  const client = new MongoClient(directUrl);
  try {
    return (await client.db("admin").command({ hello: 1 }))["isWritablePrimary"] === true;
  } finally {
    await client.close();
  }
}

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

test.each([
  { state: "migrating", write: "progress-batch", to: "1.1.0", end: "done", on: "1.1.0" },
  { state: "rolling-back", write: "restore-swap", to: "1.2.1", end: "rolled-back", on: "1.1.0" },
])("no majority in $state: exit 4 meanwhile, then it ends $end", async ({ write, to, end, on }) => {
  const before = await fleet.digest();
  await fleet.hold(write);
  const { upgradeId } = await fleet.fleet.upgrade(to);
  await fleet.reached(write);
  const lost = fleet.set.members.slice(0, 2);
  await Promise.all(lost.map((member) => member.kill()));
  await fleet.release(write);
  // A primary that is left alone answers reads until it steps down.
  await until("the primary to step down", async () => {
    const left = fleet.set.members.at(-1);
    return left !== undefined && !(await isPrimary(left.directUrl));
  });
  const asked = await runCommand(
    process.execPath,
    [
      ...[resolve("dist/src/cli/main.js"), "status", "--timeout", "2"],
      ...["--mongo-url", fleet.set.url("things")],
    ],
    { timeoutMs: 30_000 },
  );
  expect([asked?.exitCode, asked?.stderr.includes("database-unreachable")]).toEqual([4, true]);
  await Promise.all(lost.map((member) => member.restart()));
  await fleet.set.primary();
  await fleet.ended(upgradeId, end, on);
  expect(await fleet.touched(1)).toEqual([1]);
  if (end === "rolled-back") expect(await fleet.digest()).toEqual(before);
});
