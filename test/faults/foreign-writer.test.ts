// Aim: who writes from outside the fleet while all gates are shut is noticed before the first batch, and
// its writes are kept, not restored away; who drops a collection costs a new moment, not a bad copy.
// Method: a fleet of real processes held in the rehearsal, and in one agent's dump.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

test("a write after the copies: turned back, and it is still there", async () => {
  await fleet.hold("rehearsal-batch");
  const { upgrade } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("rehearsal-batch");
  await fleet.client.db().collection("items").insertOne({ foreign: true });
  const before = await fleet.digest();
  await fleet.release("rehearsal-batch");
  await fleet.turnedBack(upgrade, "backup-mismatch", "1.0.0");
  expect(await fleet.digest()).toEqual(before);
  expect(await fleet.client.db().collection("items").countDocuments({ foreign: true })).toBe(1);
  expect(await fleet.touched(1)).toEqual([]);
});

test("a collection dropped after T: a new T is chosen, the copies are made again, done", async () => {
  const extra = fleet.client.db().collection("extra");
  await extra.insertOne({ a: 1 });
  await fleet.hold("dump-collection.a1");
  const { upgrade } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("dump-collection");
  await extra.drop();
  await fleet.release("dump-collection.a1");
  await fleet.ended(upgrade, "done", "1.1.0");
  const journal = fleet.client.db("lockstep_things").collection("journal");
  const chosen = { "_id.actor": `upgrade/${upgrade}`, "event.type": "backupTimeChosen" };
  expect(await journal.countDocuments(chosen)).toBe(2);
});
