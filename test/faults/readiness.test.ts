// Aim: a release that cannot serve is turned back before the commit, with the check's own words, and data and versions
// are those of before. Method: real processes whose readiness check passes, rejects, hangs, exits or writes on one host.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { itemsCount, startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

async function unready(how: string, agent: string): Promise<string> {
  await writeFile(join(fleet.holds, `unready.1.1.0.${agent}`), how);
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  return upgradeId;
}
const serveAgain = (agent: string) => rm(join(fleet.holds, `unready.1.1.0.${agent}`));

test.each([
  ["rejects", "a2", "STRIPE_KEY is not set"],
  ["hangs", "a1", "it was not done in 5000 ms"],
  ["ignores", "a2", "it was not done in 5000 ms"],
  ["exits", "a3", "its process died in it 2 times"],
])("a check that %s on %s turns the fleet back", async (how, agent, words) => {
  const before = await fleet.digest();
  await fleet.turnedBack(await unready(how, agent), "not-ready", "1.0.0");
  const { upgrade } = await fleet.fleet.status();
  expect(upgrade?.reason?.message).toContain(words);
  expect(upgrade?.reason?.details["agent"]).toBe(agent);
  expect(await fleet.digest()).toEqual(before);
  await serveAgain(agent);
});

test("a check that writes by the application's own client turns the fleet back, and nothing is lost unasked", async () => {
  const before = await fleet.digest();
  const upgradeId = await unready("writes", "a2");
  await fleet.until("blocked", ({ upgrade }) => upgrade?.state === "blocked");
  const [item] = (await fleet.fleet.history()).slice(-1);
  expect(item?.reason?.code).toBe("foreign-writes");
  expect(item?.reason?.message).toContain("readiness check");
  const { upgrade } = await fleet.fleet.status();
  expect(upgrade?.reason?.message).toContain("readiness check");
  await serveAgain("a2");
  await fleet.fleet.request({ kind: "retry", discardForeignWrites: true });
  await fleet.turnedBack(upgradeId, "foreign-writes", "1.0.0");
  expect(await fleet.digest()).toEqual(before);
});

test("a check that passes sees the migrated data, and cannot write", async () => {
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.ended(upgradeId, "done", "1.1.0");
  for (const { name } of fleet.servers) {
    const found = JSON.parse(await readFile(join(fleet.holds, `checked.1.1.0.${name}`), "utf8"));
    expect(found).toMatchObject({ items: itemsCount, migrated: [1], first: [0] });
    expect(found.refused).toContain("$out");
  }
});
