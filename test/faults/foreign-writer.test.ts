// Aim: who writes from outside the fleet while all gates are shut is noticed before the first batch, and
// its writes are kept, not restored away. Method: a fleet of real processes held in the rehearsal.
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
