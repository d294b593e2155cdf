// Aim: copies that take longer than the servers keep history are made all the same, also over a takeover, and each end
// of an upgrade leaves the members as they were. Method: real processes on a set with a window of one second, held
// before they read until the moment of the copy is out of that window.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readWindowSeconds } from "../../src/database/history/history.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
  await onEach((member) =>
    member.db("admin").command({ setParameter: 1, minSnapshotHistoryWindowInSeconds: 1 }),
  );
});
afterAll(() => fleet?.stop());

async function onEach<Result>(act: (member: MongoClient) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const { directUrl } of fleet.set.members) {
    const member = new MongoClient(directUrl);
    try {
      results.push(await act(member));
    } finally {
      await member.close();
    }
  }
  return results;
}
const windows = () => onEach(readWindowSeconds);

/** By the database's clock, while the fleet's own writes go on. */
async function pass(ms: number): Promise<void> {
  const now = async () => {
    const { localTime } = await fleet.client.db("admin").command({ hello: 1 });
    return (localTime as Date).getTime();
  };
  const endMs = (await now()) + ms;
  await fleet.until("the moment to be out of the window", async () => (await now()) > endMs);
}

/** An upgrade whose copies are held until nobody could read at their moment any more. */
async function held(to: string): Promise<string> {
  await fleet.hold("dump-collection");
  const { upgradeId } = await fleet.fleet.upgrade(to);
  await fleet.reached("dump-collection");
  expect(await windows()).toEqual([300, 300, 300]);
  await pass(6_000);
  return upgradeId;
}

test("an abort in the middle of the copies puts back what the members had", async () => {
  const upgradeId = await held("1.1.0");
  await fleet.fleet.request({ kind: "abort", why: "as tested" });
  await fleet.release("dump-collection");
  await fleet.ended(upgradeId, "rolled-back", "1.0.0");
  await fleet.until("the windows of before", async () =>
    (await windows()).every((seconds) => seconds === 1),
  );
});

test("the master dies meanwhile: its successor goes on with the copies, at their first moment", async () => {
  const upgradeId = await held("1.1.0");
  const { master } = await fleet.fleet.status();
  signalProcess(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
  // The agent that died may come back and win the next election, so the epoch tells them apart.
  await fleet.until(
    "a successor",
    ({ master: next }) => next && next.epoch > (master?.epoch ?? 0) && next.live,
  );
  await fleet.release("dump-collection");
  await fleet.ended(upgradeId, "done", "1.1.0");
  await fleet.until("the windows of before", async () =>
    (await windows()).every((seconds) => seconds === 1),
  );
  const [item] = (await fleet.fleet.history()).filter((one) => one.upgradeId === upgradeId);
  expect(item?.states.filter(({ state }) => state === "backing-up")).toHaveLength(1);
});
