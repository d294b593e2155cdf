// Aim: whatever happens to the members of the replica set, and on the way to them, each result and each transactional
// write counts once, and every actor gets to its end. Method: workers as processes of their own on a set of the test's
// own; members step down, are killed with -9, and start again; a worker is cut off by a proxy.
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { type ReplicaSet, startReplicaSet } from "../../../src/local/replica-set.ts";
import { createNetwork } from "../../chaos/network.ts";
import { createFleet, type Fleet } from "./fleet.ts";

let set: ReplicaSet;
beforeAll(async () => {
  set = await startReplicaSet({ mongodPath: inject("mongodPath") });
});
afterAll(() => set?.stop());

/** Two workers in the middle of many trips. */
async function working(): Promise<Fleet> {
  const fleet = await createFleet(set.url());
  await Promise.all([fleet.process(), fleet.process()]);
  await fleet.start(24, { rounds: 4, restMs: 50 });
  await fleet.booked(10);
  return fleet;
}

test("a primary that steps down, twice", async () => {
  const fleet = await working();
  await set.stepDown();
  await fleet.pokeAll("first");
  await fleet.booked(50);
  await set.stepDown();
  await fleet.pokeAll("second");
  expect(await fleet.troubles()).toEqual([]);
});

test("a primary that is killed, and comes back", async () => {
  const fleet = await working();
  const primary = await set.primary();
  await primary.kill();
  await fleet.pokeAll("without it");
  await fleet.booked(60);
  await primary.restart();
  expect(await fleet.troubles()).toEqual([]);
});

test("all members restarted", async () => {
  const fleet = await working();
  await Promise.all(set.members.map((member) => member.kill()));
  const poked = fleet.pokeAll("meanwhile");
  await Promise.all(set.members.map((member) => member.restart()));
  await poked;
  expect(await fleet.troubles()).toEqual([]);
});

test("a worker cut off from all members in the middle of work, and back", async () => {
  const network = createNetwork();
  const behind = await startReplicaSet({
    ...{ mongodPath: inject("mongodPath"), front: network.front },
  });
  onTestFinished(async () => {
    await behind.stop();
    await network.close();
  });
  let pid = 0;
  network.know("cut off", () => pid);
  const fleet = await createFleet(behind.url());
  // Its connections are known by its process.
  const worker = await fleet.process({
    held: ["call", "book"],
    onStarted(started) {
      pid = started;
    },
  });
  await fleet.start(12);
  await worker.reached("call", 12);
  network.cut("cut off", "both");
  await fleet.process();
  await fleet.booked(12);
  worker.hold();
  network.heal();
  await fleet.shared(16, 16);
  await fleet.start(12);
  expect(await fleet.troubles()).toEqual([]);
});
