// Aim: a host that missed an upgrade and cannot follow it says why at once, keeps no later upgrade waiting, and is well
// again once an operator has mended it. Method: one fleet of real processes; a host that was gone and forgotten, with a
// local step that hears no signal.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

const refusal = () =>
  fleet.fleet.upgrade("1.2.0").then(
    () => null,
    (error: unknown) => error,
  );

test("a late local step that ignores its signal is late, not deadly; no upgrade is accepted before it is done", async () => {
  const lost = fleet.servers.find(({ name }) => name === "a3");
  await fleet.hold("deaf");
  await lost?.kill();
  await fleet.until("its silence", ({ agents }) => agents.some(({ silent }) => silent));
  await fleet.fleet.request({ kind: "forget", agent: "a3" });
  const deadlines = { peersMs: 4_000 };
  const { upgradeId } = await fleet.fleet.upgrade("1.1.13", { deadlines });
  await fleet.ended(upgradeId, "done", "1.1.13");
  await lost?.start();
  await fleet.reached("deaf");
  expect(await refusal()).toMatchObject({
    code: "peers-missing",
    message: expect.stringContaining(`a3 (migrating in ${upgradeId})`),
  });
  const blocked = await fleet.until("its trouble", ({ agents }) => {
    const why = agents.find(({ agent }) => agent === "a3")?.blocked ?? "";
    return why.startsWith("local step") ? why : null;
  });
  expect(blocked).toContain('local step "wrong-here": it was not done in 4000 ms');
  expect(await refusal()).toMatchObject({
    code: "peers-missing",
    message: expect.stringContaining("it was not done in 4000 ms"),
  });
  await fleet.release("deaf");
  await fleet.fleet.request({ kind: "retry", discardForeignWrites: false });
  await fleet.ended(upgradeId, "done", "1.1.13");
  const next = await fleet.fleet.upgrade("1.2.0");
  await fleet.ended(next.upgradeId, "done", "1.2.0");
});
