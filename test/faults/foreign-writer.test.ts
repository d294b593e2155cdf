// Aim: who writes from outside the fleet while all gates are shut is noticed: before the first batch that
// costs a new moment, later the way forward; and nobody's writes are restored away without a word.
// Method: a fleet of real processes held in the rehearsal, in one agent's dump, and between batches.
import { access } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

async function momentsOf(upgrade: string): Promise<number> {
  const journal = fleet.client.db("lockstep_things").collection("journal");
  const chosen = { "_id.actor": `upgrade/${upgrade}`, "event.type": "backupTimeChosen" };
  return journal.countDocuments(chosen);
}

test("a write after the copies: they are made again with it, done", async () => {
  await fleet.hold("rehearsal-batch");
  const { upgrade } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("rehearsal-batch");
  await fleet.client.db().collection("items").insertOne({ foreign: true });
  await fleet.release("rehearsal-batch");
  await fleet.ended(upgrade, "done", "1.1.0");
  expect(await momentsOf(upgrade)).toBe(2);
  const found = await fleet.client.db().collection("items").find({ foreign: true }).toArray();
  expect(found.map(({ touched1 }) => touched1)).toEqual([1]);
});

test("who writes after the copies each time: turned back, and all writes are still there", async () => {
  await fleet.hold("rehearsal-batch");
  const { upgrade } = await fleet.fleet.upgrade("1.2.0");
  for (let moment = 1; moment <= 3; moment += 1) {
    await fleet.until(`rehearsal of moment ${moment}`, async ({ upgrade: current }) => {
      return current?.state === "rehearsing" && (await momentsOf(upgrade)) === moment;
    });
    await fleet.reached("rehearsal-batch");
    const items = fleet.client.db().collection("items");
    // A definition is a write, too.
    if (moment === 2) await items.createIndex({ again: 1 }, { name: "by-somebody-else" });
    else await items.insertOne({ again: moment });
    if (moment < 3) await fleet.hold("backup-time");
    await fleet.release("rehearsal-batch");
    if (moment < 3) {
      await fleet.reached("backup-time");
      await fleet.hold("rehearsal-batch");
      await fleet.release("backup-time");
    }
  }
  await fleet.turnedBack(upgrade, "foreign-writes", "1.1.0");
  expect(
    await fleet.client
      .db()
      .collection("items")
      .countDocuments({ again: { $gt: 0 } }),
  ).toBe(2);
  expect(await fleet.client.db().collection("items").indexExists("by-somebody-else")).toBe(true);
  expect(await fleet.touched(2)).toEqual([]);
});

test("a collection dropped after T: a new T is chosen, the copies are made again, done", async () => {
  const extra = fleet.client.db().collection("extra");
  await extra.insertOne({ a: 1 });
  await fleet.hold("dump-collection.a1");
  const { upgrade } = await fleet.fleet.upgrade("1.2.0");
  await fleet.reached("dump-collection");
  await extra.drop();
  await fleet.release("dump-collection.a1");
  await fleet.ended(upgrade, "done", "1.2.0");
  expect(await momentsOf(upgrade)).toBe(2);
});

test("a write between the batches: no way forward, blocked with both kept, until an operator says so", async () => {
  const items = fleet.client.db().collection("items");
  const before = await fleet.digest();
  await fleet.hold("progress-batch");
  const { upgrade } = await fleet.fleet.upgrade("1.3.0");
  await fleet.reached("progress-batch");
  await items.insertOne({ between: true });
  await fleet.release("progress-batch");
  const blocked = await fleet.until("blocked", ({ upgrade: current }) =>
    current?.state === "blocked" ? current : null,
  );
  expect(blocked?.reason?.code).toBe("foreign-writes");
  expect(blocked?.reason?.message).toContain('insert of {"$oid"');
  expect(await items.countDocuments({ between: true })).toBe(1);
  for (const agent of ["a1", "a2", "a3"]) await access(fleet.copyPath(agent, upgrade));
  const { agents } = await fleet.fleet.status();
  expect(agents.map(({ gate }) => gate)).toEqual(["shut", "shut", "shut"]);
  await fleet.fleet.request({ kind: "retry" });
  await fleet.turnedBack(upgrade, "foreign-writes", "1.2.0");
  expect(await fleet.digest()).toEqual(before);
});
