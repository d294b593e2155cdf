// Aim: a lost primary or a paused master never loses or doubles a write. Method: real processes
// held in the middle of the migration and of the restore; the fault; then the data is counted.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

type Fault = (fleet: TestFleet, release: () => Promise<void>) => Promise<void>;

const faults: Readonly<Record<string, Fault>> = {
  async "primary killed"(fleet, release) {
    const primary = await fleet.set.primary();
    await primary.kill();
    await release();
    await fleet.set.primary();
    await primary.restart();
  },
  async "primary stepped down"(fleet, release) {
    await fleet.set.stepDown();
    await release();
  },
  async "master paused past its lease, then continued"(fleet, release) {
    const { master } = await fleet.fleet.status();
    const pid = await fleet.pidOf(master?.agent ?? "");
    signalProcess(pid, "SIGSTOP");
    await release();
    await fleet.until("a successor", ({ master: now }) => (now?.epoch ?? 0) > (master?.epoch ?? 0));
    signalProcess(pid, "SIGCONT");
  },
};

describe.each(Object.entries(faults))("%s", (_name, fault) => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet();
  });
  afterAll(() => fleet?.stop());

  test("in migrating: done, each batch once, no older epoch after the fence (S4)", async () => {
    await fleet.hold("progress-batch");
    const { upgrade } = await fleet.fleet.upgrade("1.1.0");
    await fleet.reached("progress-batch");
    await fault(fleet, () => fleet.release("progress-batch"));
    await fleet.ended(upgrade, "done", "1.1.0");
    expect(await fleet.touched(1)).toEqual([1]);
    const journal = fleet.client.db("lockstep_things").collection("journal");
    const entries = await journal
      .find({ "_id.actor": `upgrade/${upgrade}` })
      .sort({ "_id.revision": 1 })
      .toArray();
    const epochs = entries.map((entry) => Number(entry["epoch"]));
    expect(epochs).toEqual(epochs.toSorted((left, right) => left - right));
  });

  test("in a definition: done, the index there once, no stale effect", async () => {
    await fleet.hold("progress-batch");
    const { upgrade } = await fleet.fleet.upgrade("1.2.0");
    await fleet.reached("progress-batch");
    // The rehearsal has passed its own by now: what is held is the live one.
    await fleet.hold("add-index");
    await fleet.release("progress-batch");
    await fleet.reached("add-index");
    await fault(fleet, () => fleet.release("add-index"));
    await fleet.ended(upgrade, "done", "1.2.0");
    expect(await fleet.touched(2)).toEqual([1]);
    const indexes = await fleet.client.db().collection("items").indexes();
    expect(indexes.filter(({ name }) => name === "by-touched2")).toHaveLength(1);
  });

  test("in rolling-back: the data equals the backup", async () => {
    const before = await fleet.digest();
    await fleet.hold("restore-swap");
    const { upgrade } = await fleet.fleet.upgrade("1.3.1");
    await fleet.reached("restore-swap");
    await fault(fleet, () => fleet.release("restore-swap"));
    await fleet.ended(upgrade, "rolled-back", "1.2.0");
    await until("equal data", async () => {
      return JSON.stringify(await fleet.digest()) === JSON.stringify(before);
    });
    expect(await fleet.touched(3)).toEqual([]);
  });
});
