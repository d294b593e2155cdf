// Aim: what a new build writes as it starts, before the copies, stays after a roll-back, and status, explain, history and
// log say so; what the application writes until its gate shuts is no part of that.
// Method: real processes whose new build makes an index, a collection and documents before its agent starts.
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({ writes: true });
});
afterAll(() => fleet?.stop());

const index = 'index "index_1" of "items" is new';
const made = 'collection "seeds" is new';
const seeds = (version: string) => join(fleet.holds, `seeds.${version}`);
const items = () => fleet.client.db().collection("items");

async function run(...words: string[]): Promise<string> {
  const main = resolve("dist/src/cli/main.js");
  const ran = await runCommand(process.execPath, [main, ...words, "--mongo-url", fleet.mongoUrl], {
    timeoutMs: 60_000,
  });
  return `${ran?.stdout}${ran?.stderr}`;
}

test("a build that writes nothing as it starts: nothing is said, however much the application wrote", async () => {
  const { upgradeId } = await fleet.fleet.upgrade("1.1.4");
  await fleet.turnedBack(upgradeId, "step-failed", "1.0.0");
  expect((await fleet.fleet.status()).upgrade?.earlyWrites).toEqual([]);
  expect(await run("history")).not.toContain("early writes");
  expect(await run("explain")).not.toContain("early writes");
});

test("an index, a collection and documents from before the copies are still there, and are named", async () => {
  await writeFile(seeds("1.1.4"), "");
  await fleet.hold("start.a2");
  await fleet.hold("rehearsal-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.4");
  const journal = fleet.client.db("lockstep_things").collection("journal");
  await fleet.until("all gates noted as shut", () =>
    journal.findOne({ "_id.actor": `upgrade/${upgradeId}`, "event.type": "gatesShut" }),
  );
  await fleet.release("start.a2");
  await fleet.reached("rehearsal-batch");
  expect(await run("status")).toContain(`  early writes ${index}; ${made}; while all gates`);
  expect(await run("explain")).toContain(`early writes, which a way back keeps: ${index}; ${made}`);
  await fleet.release("rehearsal-batch");
  await fleet.turnedBack(upgradeId, "step-failed", "1.0.0");

  expect(await items().indexExists("index_1")).toBe(true);
  expect(await items().countDocuments({ seededBy: "1.1.4" })).toBe(1);
  const { upgrade } = await fleet.fleet.status();
  expect(upgrade?.earlyWrites.slice(0, 2)).toEqual([index, made]);
  expect(upgrade?.earlyWrites[2]).toMatch(/^while all gates were shut: .*insert of .* in "seeds"/);
  const words = `${index}; ${made}; while all gates were shut: `;
  expect(await run("status")).toContain(`  early writes ${words}`);
  expect(await run("history")).toContain(`  early writes: ${words}`);
  const explained = await run("explain");
  expect(explained).toContain(`early writes, which a way back keeps: ${words}`);
  expect(explained).toContain("undo by hand those early writes with which 1.0.0 cannot live");
  const logs = await Promise.all(fleet.servers.map((server) => server.lastLines(500)));
  expect(logs.join("\n")).toContain("there are early writes: a way back keeps them");
});

test("an upgrade that goes back without any copy names them, too; one that is committed does not", async () => {
  const undo = async () => {
    await items().dropIndex("index_1");
    await fleet.client.db().collection("seeds").drop();
  };
  await undo();
  await writeFile(seeds("1.0.1"), "");
  const { upgradeId } = await fleet.fleet.upgrade("1.0.1");
  await fleet.turnedBack(upgradeId, "step-failed", "1.0.0");
  const { upgrade } = await fleet.fleet.status();
  expect(upgrade?.copies).toBe(null);
  expect(upgrade?.earlyWrites.slice(0, 2)).toEqual([index, made]);
  await undo();
  await rm(seeds("1.1.4"));
  await writeFile(seeds("1.1.0"), "");
  const { upgradeId: later } = await fleet.fleet.upgrade("1.1.0");
  await fleet.ended(later, "done", "1.1.0");
  expect(await items().indexExists("index_1")).toBe(true);
  expect((await fleet.fleet.status()).upgrade?.earlyWrites).toEqual([]);
});
