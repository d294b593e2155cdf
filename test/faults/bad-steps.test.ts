// Aim: whatever a step or a build does wrong, the fleet is back on the old version and data, with a
// reason that names it. Method: one fleet of real processes, a version for each way to go wrong.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

describe("what goes wrong in a version", () => {
  let fleet: TestFleet;
  let before: unknown;
  beforeAll(async () => {
    fleet = await startTestFleet();
    before = await fleet.digest();
  });
  afterAll(() => fleet?.stop());
  afterEach(async () => {
    expect(await fleet.digest()).toEqual(before);
    expect(await fleet.touched(1)).toEqual([]);
  });

  const upgrade = async (to: string, deadlines = {}) =>
    (await fleet.fleet.upgrade(to, { deadlines })).upgradeId;

  test("a local step throws", async () => {
    await fleet.turnedBack(await upgrade("1.1.1"), "step-failed", "1.0.0");
  });
  test("a local step kills its process twice", async () => {
    await fleet.turnedBack(await upgrade("1.1.2"), "step-kills-process", "1.0.0");
  });
  test("a local step hangs and ignores its signal: its process leaves", async () => {
    await fleet.turnedBack(await upgrade("1.1.3", { peersMs: 3_000 }), "timeout", "1.0.0");
  });
  test("a schema step throws in rehearsal: the live data is never touched", async () => {
    const id = await upgrade("1.1.4");
    await fleet.turnedBack(id, "step-failed", "1.0.0");
    const last = (await fleet.fleet.history()).at(-1);
    expect(last?.reason?.details["step"]).toBe("wrong-schema");
    expect(last?.states.map(({ state }) => state)).not.toContain("migrating");
  });
  test("a schema step kills its process twice", async () => {
    await fleet.turnedBack(await upgrade("1.1.5"), "step-kills-process", "1.0.0");
  });
  test("a schema step hangs and ignores its signal", async () => {
    await fleet.turnedBack(await upgrade("1.1.6", { backingUpMs: 6_000 }), "timeout", "1.0.0");
  });
  test("… and its rehearsal is given up when it has committed nothing for too long", async () => {
    const id = await upgrade("1.1.6", { noProgressMs: 2_000 });
    await fleet.turnedBack(id, "timeout", "1.0.0");
    const last = (await fleet.fleet.history()).at(-1);
    expect(last?.reason?.message).toContain('schema step "wrong-schema" committed no batch');
    expect(last?.states.map(({ state }) => state)).not.toContain("migrating");
  });
  test("state servers with different steps for one version", async () => {
    await fleet.turnedBack(await upgrade("1.1.7"), "steps-differ", "1.0.0");
    const { upgrade: turned } = await fleet.fleet.status();
    expect(turned?.reason?.message).toMatch(/found "only-here" \(on a3, not on a\d(, a\d)?\)/);
    expect(turned?.reason?.message).toMatch(/a1.*a2|a2.*a1/);
  });
  test("a build that came up once and comes up nowhere again, the data half migrated", async () => {
    await fleet.hold("progress-batch");
    const id = await upgrade("1.1.0");
    await fleet.reached("progress-batch");
    await fleet.hold("broken.1.1.0");
    for (const { name } of fleet.servers) signalProcess(await fleet.pidOf(name), "SIGKILL");
    await fleet.release("progress-batch");
    await fleet.turnedBack(id, "cannot-start", "1.0.0");
    await fleet.release("broken.1.1.0");
  });
  test("a build that ends at once on one host", async () => {
    await fleet.turnedBack(await upgrade("1.1.8"), "cannot-start", "1.0.0");
  });
});
