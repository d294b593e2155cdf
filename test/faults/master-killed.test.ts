// Aim: whoever dies in whichever state, the upgrade ends and every batch counts once. Method: one
// fleet of real processes, held at a durable write of each state, the master killed with -9 there.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

/** The durable write of each state at which somebody can be held. */
const stops = [
  { state: "waiting", write: "start.a3", version: "1.1.0" },
  { state: "backing-up", write: "dump-collection", version: "1.2.0" },
  { state: "rehearsing", write: "rehearsal-batch", version: "1.3.0" },
  { state: "migrating", write: "progress-batch", version: "1.4.0" },
  { state: "awaiting-peers", write: "local-journal", version: "1.5.0" },
] as const;

describe("the master is killed with -9", () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet();
  });
  afterAll(() => fleet?.stop());

  test.each(stops)("in $state: the upgrade ends done", async ({ state, write, version }) => {
    await fleet.hold(write);
    const { upgrade } = await fleet.fleet.upgrade(version);
    const master = await fleet.until(`a live master in ${state}`, (status) => {
      const there = status.upgrade?.upgrade === upgrade && status.upgrade.state === state;
      return there && status.master?.live && status.master;
    });
    await fleet.reached(write.split(".")[0] ?? write);
    expect(master).toBeTruthy();
    const name = master ? master.agent : "";
    signalProcess(await fleet.pidOf(name), "SIGKILL");
    await fleet.release(write);
    await fleet.ended(upgrade, "done", version);
    for (let number = 1; number <= Number(version.split(".")[1]); number += 1) {
      expect(await fleet.touched(number)).toEqual([1]);
    }
  });

  test("in rolling-back: the data equals the backup", async () => {
    const before = await fleet.digest();
    await fleet.hold("restore-swap");
    const { upgrade } = await fleet.fleet.upgrade("1.6.1");
    await fleet.reached("restore-swap");
    const { master } = await fleet.fleet.status();
    signalProcess(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
    await fleet.release("restore-swap");
    await fleet.ended(upgrade, "rolled-back", "1.5.0");
    expect(await fleet.digest()).toEqual(before);
  });
});
