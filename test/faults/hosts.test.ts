// Aim: a host that is lost costs the fleet its own short deadline, and a host that is replaced does not serve before
// its files match the fleet's version. Method: one fleet of real processes; kill -9 of a whole host; an emptied data
// directory.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

const stateOf = (agent: string) =>
  readFile(join(fleet.directoryOf(agent), "state.txt"), "utf8").catch(() => null);

test("a host that is gone in the middle of the migration: the fleet is back after the silent deadline", async () => {
  const before = await fleet.digest();
  await fleet.hold("progress-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0", { deadlines: { silentMs: 3_000 } });
  await fleet.reached("progress-batch");
  const { master } = await fleet.fleet.status();
  const lost = fleet.servers.find(({ name }) => name === master?.agent);
  await lost?.kill();
  await fleet.release("progress-batch");
  const seen = await fleet.until("its silence", ({ upgrade }) => upgrade?.silent[0]);
  expect(seen).toMatchObject({ agent: lost?.name, until: expect.any(Number) });
  await fleet.until(
    "back without it",
    ({ upgrade }) => upgrade?.upgradeId === upgradeId && upgrade.state === "rolled-back",
  );
  const { upgrade } = await fleet.fleet.status();
  expect(upgrade?.reason).toMatchObject({
    code: "agent-silent",
    message: expect.stringContaining(`lockstep forget ${lost?.name}`),
    details: { agent: lost?.name },
  });
  expect(await fleet.digest()).toEqual(before);
  await lost?.start();
  await fleet.ended(upgradeId, "rolled-back", "1.0.0");
});

test("a replaced host runs the local steps that it lacks first; a fresh one runs none", async () => {
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.ended(upgradeId, "done", "1.1.0");
  const before = await fleet.fleet.status();
  for (const { name } of fleet.servers) {
    await writeFile(join(fleet.directoryOf(name), "state.txt"), "of the lost host");
  }
  await Promise.all(fleet.servers.map((server) => server.kill()));
  for (const { name } of fleet.servers) {
    await rm(fleet.directoryOf(name), { recursive: true });
    // a3 comes with an old build, the others with the fleet's.
    const path = `${fleet.directoryOf(name)}.versions.json`;
    const installed = JSON.parse(await readFile(path, "utf8"));
    const first = name === "a3" ? "1.0.0" : "1.1.0";
    await writeFile(path, JSON.stringify({ ...installed, default: first }));
  }
  await writeFile(join(fleet.holds, "fresh.a2"), "");
  await Promise.all(fleet.servers.map((server) => server.start()));
  const incarnations = new Map(before.agents.map((one) => [one.agent, one.incarnation]));
  await fleet.until("all of them serving", ({ agents }) =>
    agents.every(
      ({ agent, incarnation, gate, version }) =>
        incarnation > (incarnations.get(agent) ?? 0) && gate === "open" && version === "1.1.0",
    ),
  );
  expect(await stateOf("a1")).toBe("1.1.0");
  expect(await stateOf("a2")).toBe(null);
  expect(await stateOf("a3")).toBe("1.1.0");
});
