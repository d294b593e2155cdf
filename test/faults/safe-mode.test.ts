// Aim: there is a way out of every release that cannot serve: its agents come back with their gates shut, lead, and
// follow an upgrade, also to a lower version where no step lies between. Method: one fleet of real processes, whose
// application exits or throws as it begins.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

const names = ["a1", "a2", "a3"];

const inSafeMode = (upgradeId: string, to: string, who: readonly string[]) =>
  fleet.until(`${who.join()} in safe mode`, ({ agents, upgrade }) => {
    const isSafe = ({ version, gate, blocked, silent }: (typeof agents)[number]) =>
      version === to && gate === "shut" && !silent && blocked?.startsWith("safe mode: ");
    const those = agents.filter(({ agent }) => who.includes(agent));
    return upgrade?.upgradeId === upgradeId && upgrade.state === "done" && those.every(isSafe);
  });

/** Upgrades to a version whose every process dies as it begins, and waits until all are in safe mode. */
async function commitWhatDies(to: string): Promise<void> {
  await writeFile(join(fleet.holds, `dies.${to}`), "");
  const { upgradeId } = await fleet.fleet.upgrade(to);
  await inSafeMode(upgradeId, to, names);
}

const pids = () => Promise.all(names.map((agent) => fleet.pidOf(agent)));

test("every process dies as it begins: a lower version is accepted, and the fleet serves", async () => {
  await commitWhatDies("1.0.10");
  const { upgradeId } = await fleet.fleet.upgrade("1.0.0");
  await fleet.ended(upgradeId, "done", "1.0.0");
  const { agents } = await fleet.fleet.status();
  expect(agents.map(({ blocked }) => blocked)).toEqual([null, null, null]);
});

test("an agent whose disk is slow to take its version: the application waits for that, and no launcher falls back", async () => {
  await fleet.hold("default-version.a3");
  await writeFile(join(fleet.holds, "dies.1.0.12"), "");
  const { upgradeId } = await fleet.fleet.upgrade("1.0.12");
  await inSafeMode(upgradeId, "1.0.12", ["a1", "a2"]);
  const [, , a3] = (await fleet.fleet.status()).agents;
  expect(a3).toMatchObject({ version: "1.0.12", gate: "shut" });
  await fleet.release("default-version.a3");
  await inSafeMode(upgradeId, "1.0.12", names);
  const back = await fleet.fleet.upgrade("1.0.0");
  await fleet.ended(back.upgradeId, "done", "1.0.0");
});

test("with the cause mended, `retry` lets the application begin", async () => {
  await commitWhatDies("1.0.10");
  const before = await pids();
  await rm(join(fleet.holds, "dies.1.0.10"));
  await fleet.fleet.request({ kind: "retry" });
  await fleet.until("everybody serving", ({ agents }) =>
    agents.every(({ gate, blocked }) => gate === "open" && blocked === null),
  );
  expect(await pids()).toEqual(before);
});

test("the mended version is accepted; from there, a lower one is refused with the steps that lie between", async () => {
  await commitWhatDies("1.0.11");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.ended(upgradeId, "done", "1.1.0");
  await expect(fleet.fleet.upgrade("1.0.10")).rejects.toMatchObject({
    code: "version-not-higher",
    message: expect.stringMatching(/"items-are-counted-1" of 1\.1\.0.*"file-is-written-1"/),
  });
});

test("an application that throws as it begins: the status has its words, and `retry` opens it", async () => {
  await writeFile(join(fleet.holds, "fails.1.1.0"), "");
  signalProcess(await fleet.pidOf("a1"), "SIGKILL");
  await fleet.until("its words", ({ agents }) =>
    agents.find(({ agent }) => agent === "a1")?.blocked?.includes("its key is not set"),
  );
  await rm(join(fleet.holds, "fails.1.1.0"));
  await fleet.fleet.request({ kind: "retry" });
  await fleet.until("a1 serving", ({ agents }) =>
    agents.every(({ gate, blocked }) => gate === "open" && blocked === null),
  );
});
