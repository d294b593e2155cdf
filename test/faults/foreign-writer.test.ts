// Aim: who writes from outside the fleet while all gates are shut is noticed: before the first batch that
// costs a new moment, later the way forward; and nobody's writes are restored away without a word.
// Method: a fleet of real processes held in the rehearsal, in one agent's dump, and between batches.
import { access } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

async function momentsOf(upgradeId: string): Promise<number> {
  const journal = fleet.client.db("lockstep_things").collection("journal");
  const chosen = { "_id.actor": `upgrade/${upgradeId}`, "event.type": "backupTimeChosen" };
  return journal.countDocuments(chosen);
}

test("a write after the copies: they are made again with it, done", async () => {
  await fleet.hold("rehearsal-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("rehearsal-batch");
  await fleet.client.db().collection("items").insertOne({ foreign: true });
  await fleet.release("rehearsal-batch");
  await fleet.ended(upgradeId, "done", "1.1.0");
  expect(await momentsOf(upgradeId)).toBe(2);
  const found = await fleet.client.db().collection("items").find({ foreign: true }).toArray();
  expect(found.map(({ touched1 }) => touched1)).toEqual([1]);
});

test("who writes after the copies each time: turned back, and all writes are still there", async () => {
  await fleet.hold("rehearsal-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
  for (let moment = 1; moment <= 3; moment += 1) {
    await fleet.until(`rehearsal of moment ${moment}`, async ({ upgrade: current }) => {
      return current?.state === "rehearsing" && (await momentsOf(upgradeId)) === moment;
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
      const { upgrade: again } = await fleet.fleet.status();
      const words =
        moment === 1
          ? /: insert of .* in "items"$/
          : /: index "by-somebody-else" of "items" is new$/;
      expect(again?.copiedAgain).toMatch(words);
      await fleet.hold("rehearsal-batch");
      await fleet.release("backup-time");
    }
  }
  await fleet.turnedBack(upgradeId, "foreign-writes", "1.1.0");
  const { upgrade: turned } = await fleet.fleet.status();
  expect(turned?.reason?.message).toMatch(/insert of \{"\$oid":"[0-9a-f]+"\} in "items"/);
  expect(turned?.reason?.details["writes"]).toHaveLength(1);
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
  const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
  await fleet.reached("dump-collection");
  await extra.drop();
  await fleet.release("dump-collection.a1");
  await fleet.ended(upgradeId, "done", "1.2.0");
  expect(await momentsOf(upgradeId)).toBe(2);
});

test("a write between the batches: no way forward, blocked with both kept, until an operator says so", async () => {
  const items = fleet.client.db().collection("items");
  const before = await fleet.digest();
  await fleet.hold("progress-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.3.0");
  await fleet.reached("progress-batch");
  await items.insertOne({ between: true });
  const payments = fleet.client.db().collection<{ _id: string; amount: number }>("payments");
  await payments.insertMany(["p1", "p2", "p3"].map((_id) => ({ _id, amount: 7 })));
  await payments.updateOne({ _id: "p1" }, { $set: { amount: 8 } });
  await payments.deleteOne({ _id: "p2" });
  const someId = 17 as never;
  await items.deleteOne({ _id: someId });
  await items.updateOne({ index: 18 }, { $set: { note: "paid" } });
  await fleet.release("progress-batch");
  const blocked = await fleet.until("blocked", ({ upgrade: current }) =>
    current?.state === "blocked" ? current : null,
  );
  expect(blocked?.reason?.code).toBe("foreign-writes");
  expect(blocked?.reason?.message).toContain('insert of {"$oid"');
  expect(blocked?.reason?.message).not.toContain("stop it with");
  expect(blocked?.howToStop).toContain("`lockstep retry` goes on");
  expect(await items.countDocuments({ between: true })).toBe(1);
  for (const agent of ["a1", "a2", "a3"]) await access(fleet.copyPath(agent, upgradeId));
  const { agents } = await fleet.fleet.status();
  expect(agents.map(({ gate }) => gate)).toEqual(["shut", "shut", "shut"]);
  // Nobody's writes are discarded by a retry that does not say so: neither by a client nor on the command line.
  await expect(fleet.fleet.request({ kind: "retry" })).rejects.toMatchObject({
    code: "foreign-writes",
  });
  const run = async (...words: string[]) => {
    const main = resolve("dist/src/cli/main.js");
    const url = ["--mongo-url", fleet.set.url("things")];
    const ran = await runCommand(process.execPath, [main, ...words, ...url], {
      timeoutMs: 120_000,
    });
    return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
  };
  for (const words of [["retry"], ["retry", "--confirm", "other"]]) {
    const { code, text } = await run(...words);
    expect([code, text.includes("the database's name")], text).toEqual([2, true]);
  }
  expect((await fleet.fleet.status()).upgrade?.state).toBe("blocked");
  expect((await run("retry", "--confirm", "things")).code).toBe(0);
  await fleet.turnedBack(upgradeId, "foreign-writes", "1.2.0");
  expect(await fleet.digest()).toEqual(before);
  // Two payments, the new item and the changed one; and two deletions.
  const { upgrade: over } = await fleet.fleet.status();
  expect(over?.saved).toMatchObject({ documents: 4, deletions: 2 });
  const path = over?.saved?.path ?? "";
  expect(path).toContain(fleet.directoryOf(over?.saved?.agent ?? ""));
  expect((await run("history")).text).toContain(`kept in ${path} on ${over?.saved?.agent}`);
  const words = ["--directory", dirname(path), "--to-db", "things_saved"];
  const restored = await run("restore", basename(path), ...words);
  expect(restored.code, restored.text).toBe(0);
  const saved = fleet.client.db("things_saved");
  expect(await saved.collection("payments").find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: "p1", amount: 8 },
    { _id: "p3", amount: 7 },
  ]);
  expect(await saved.collection("items").countDocuments({ between: true })).toBe(1);
  expect(await saved.collection("items").countDocuments({ index: 18, note: "paid" })).toBe(1);
});
