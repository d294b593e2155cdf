// Aim: two fleets of one set are upgraded at the same time, and the end of the first leaves the other all that it holds.
// Method: real processes; the second fleet is held in its migration while the first one comes to each of its ends.
import type { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { memberOpener } from "../../src/mongo/connect.ts";
import { dataMembers } from "../../src/mongo/members.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let one: TestFleet;
let other: TestFleet;
beforeAll(async () => {
  one = await startTestFleet();
  other = await startTestFleet({ set: one.set, database: "others" });
});
afterAll(async () => {
  await other?.stop();
  await one?.stop();
});

/** Whether each member deletes what has expired. */
async function monitors(client: MongoClient): Promise<readonly unknown[]> {
  const open = memberOpener(one.set.url(), "test");
  const ask = (member: MongoClient) =>
    member.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 });
  const hosts = await dataMembers(client);
  const found = await Promise.all(hosts.map((host) => open(host, ask)));
  return found.map((each) => each["ttlMonitorEnabled"]);
}

test.each([
  { end: "done", to: "1.1.0", serves: "1.1.0", otherTo: "1.1.0" },
  { end: "rolled-back", to: "1.2.1", serves: "1.1.0", otherTo: "1.2.0" },
])("one is $end while the other migrates", async ({ end, to, serves, otherTo }) => {
  await other.hold("progress-batch");
  const { upgradeId } = await other.fleet.upgrade(otherTo);
  await other.reached("progress-batch");
  expect(await monitors(one.client)).toEqual([false, false, false]);
  const first = await one.fleet.upgrade(to);
  await one.ended(first.upgradeId, end, serves);
  expect(await monitors(one.client)).toEqual([false, false, false]);
  await other.release("progress-batch");
  await other.ended(upgradeId, "done", otherTo);
  await other.until("TTL deletion on again", async () =>
    (await monitors(one.client)).every((isOn) => isOn === true),
  );
});
