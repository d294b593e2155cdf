// Aim: a paused upgrade stands still, with all gates shut, and goes on, or back, from there: whoever is master by then.
// Method: one fleet of real processes, paused in a batch, in a definition, and before the migration.
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conditionsOf } from "../../src/operator/conditions.ts";
import { runCommand, signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

describe("a pause", () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet();
  });
  afterAll(() => fleet?.stop());
  const pause = () => fleet.fleet.request({ kind: "pause", why: "a look" });
  const resume = () => fleet.fleet.request({ kind: "resume" });
  const refused = (work: Promise<unknown>, code: string) =>
    expect(work).rejects.toMatchObject({ code });
  /** Asks while a batch is held, which holds the fence, too: a master answers after it. */
  const pauseInBatch = async (ask: () => Promise<unknown>) => {
    const inbox = fleet.client.db("lockstep_things").collection("inbox");
    const asking = ask();
    await fleet.until("the request", () =>
      inbox.findOne({ "request.kind": "pause", answer: null }),
    );
    await fleet.release("progress-batch");
    return asking;
  };
  const paused = () => fleet.until("a pause", ({ upgrade }) => upgrade?.state === "paused");
  type Fence = { readonly _id: string; readonly progress?: Record<string, unknown> };
  const progress = async () =>
    (
      await fleet.client
        .db("lockstep_things")
        .collection<Fence>("fences")
        .findOne({ _id: "master" })
    )?.progress;
  const cli = async (...words: string[]) => {
    const main = resolve("dist/src/cli/main.js");
    const url = ["--mongo-url", fleet.set.url("things"), "--json"];
    const ran = await runCommand(process.execPath, [main, ...words, ...url], {
      timeoutMs: 120_000,
    });
    const lines = (ran?.stdout || ran?.stderr || "").trim().split("\n");
    return { code: ran?.exitCode, last: JSON.parse(lines.at(-1) ?? "") };
  };

  test("is refused where there is nothing to pause", async () => {
    await refused(pause(), "no-upgrade");
    await refused(resume(), "no-upgrade");
    const { code, last } = await cli("pause");
    expect([code, last.code]).toEqual([1, "no-upgrade"]);
  });

  test("in a batch: it ends; its master is killed; a new one keeps the pause, resumes, and finishes", async () => {
    await fleet.hold("progress-batch");
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.reached("progress-batch");
    expect(await pauseInBatch(() => cli("pause", "--why", "a look"))).toMatchObject({
      code: 0,
      last: { type: "accepted", upgradeId, message: expect.stringContaining("after the batch") },
    });
    const waited = await cli("wait", "--for", "paused");
    expect(waited).toMatchObject({ code: 0, last: { type: "wait", reached: true } });

    const status = await fleet.fleet.status();
    expect(status.upgrade).toMatchObject({
      howToPause: "lockstep resume",
      pause: { why: "a look" },
    });
    expect(status.upgrade?.batches).toBeGreaterThan(0);
    expect(conditionsOf(status).upgrade).toMatchObject({
      ...{ word: "waiting", waitsFor: ["operator"], until: status.upgrade?.until },
    });
    expect(status.agents.map(({ gate }) => gate)).toEqual(["shut", "shut", "shut"]);
    expect((await pause()).message).toContain("paused already");
    const stood = await progress();
    // A process that is killed in a pause has not died in the step.
    expect(stood?.["startedBy"]).toEqual([]);

    const { master } = status;
    signalProcess(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
    await fleet.until("a new master", (now) => (now.master?.epoch ?? 0) > (master?.epoch ?? 0));
    const { upgrade: after } = await fleet.fleet.status();
    expect(after).toMatchObject({ state: "paused", until: status.upgrade?.until });
    expect(await progress()).toEqual(stood);
    expect((await cli("resume")).last.message).toBe("the migration goes on");
    await fleet.ended(upgradeId, "done", "1.1.0");
    expect(await fleet.touched(1)).toEqual([1]);
    const indexes = await fleet.client.db().collection("items").indexes();
    expect(indexes.filter(({ name }) => name === "by-touched1")).toHaveLength(1);
    const last = (await fleet.fleet.history()).at(-1);
    expect(last?.states.map(({ state }) => state)).toEqual([
      ...["waiting", "backing-up", "rehearsing", "migrating", "paused", "migrating"],
      ...["awaiting-peers", "done"],
    ]);
    expect((await fleet.fleet.explain()).tried).toContain("an operator has paused it once");
  });

  test("in a definition: it is made first; aborted then, the data is as it was", async () => {
    const before = await fleet.digest();
    await fleet.hold("progress-batch");
    const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
    await fleet.reached("progress-batch");
    await fleet.hold("add-index");
    await fleet.release("progress-batch");
    await fleet.reached("add-index");
    await pause();
    // The definition under way is held, so the pause has not begun.
    const during = await fleet.fleet.status();
    expect(during.upgrade).toMatchObject({ state: "migrating", howToPause: "lockstep resume" });
    expect(conditionsOf(during).upgrade?.what).toContain("and a pause follows");
    await fleet.release("add-index");
    await paused();
    const items = fleet.client.db().collection("items");
    expect(await items.indexExists("by-touched2")).toBe(true);
    await fleet.fleet.request({ kind: "abort", why: "enough" });
    await refused(pause(), "wrong-state").catch(() => refused(pause(), "no-upgrade"));
    await fleet.turnedBack(upgradeId, "aborted", "1.1.0");
    expect(await fleet.digest()).toEqual(before);
  });

  test("lasts longer than the deadline of progress, and has one of its own: then the data goes back", async () => {
    const before = await fleet.digest();
    await fleet.hold("progress-batch");
    const deadlines = { noProgressMs: 4_000, pausedMs: 9_000 };
    const { upgradeId } = await fleet.fleet.upgrade("1.2.0", { deadlines });
    await fleet.reached("progress-batch");
    await pauseInBatch(pause);
    await fleet.turnedBack(upgradeId, "timeout", "1.1.0");
    const last = (await fleet.fleet.history()).at(-1);
    expect(last?.reason?.details).toEqual({ pausedMs: 9_000 });
    expect(last?.states.find(({ state }) => state === "paused")?.lastedMs).toBeGreaterThanOrEqual(
      9_000,
    );
    expect(await fleet.digest()).toEqual(before);
  });

  test("asked for in the rehearsal, it begins before the first batch; what others write then costs new copies", async () => {
    await fleet.hold("add-index");
    const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
    await fleet.reached("add-index");
    expect((await pause()).message).toContain("before the first batch");
    await fleet.release("add-index");
    await paused();
    expect((await progress())?.["upgradeId"]).not.toBe(upgradeId);
    await fleet.client.db().collection("items").insertOne({ index: -1 });
    await resume();
    await fleet.ended(upgradeId, "done", "1.2.0");
    expect(await fleet.touched(2)).toEqual([1]);
    const states = (await fleet.fleet.history()).at(-1)?.states.map(({ state }) => state);
    expect(states?.filter((state) => state === "backing-up")).toHaveLength(2);
  });

  test("is withdrawn before it begins, and refused once the schema steps are done", async () => {
    await fleet.hold("add-index");
    await fleet.hold("local-journal");
    const { upgradeId } = await fleet.fleet.upgrade("1.3.0");
    await fleet.reached("add-index");
    await pause();
    expect((await resume()).message).toContain("withdrawn");
    await refused(resume(), "wrong-state");
    await fleet.release("add-index");
    await fleet.reached("local-journal");
    await refused(pause(), "wrong-state");
    await fleet.release("local-journal");
    await fleet.ended(upgradeId, "done", "1.3.0");
    const states = (await fleet.fleet.history()).at(-1)?.states.map(({ state }) => state);
    expect(states).not.toContain("paused");
  });
});
