// Aim: the readiness check ends as a vote or as a reason, its deaths are counted on the host, and no other build than
// the new one votes by it. Method: the real local journal in a folder, checks that pass, reject, hang and "die".
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../../src/log.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import type { AgentWorld } from "../../../src/upgrade/agent-world.ts";
import {
  beforeAllVersions,
  createLocalJournal,
} from "../../../src/upgrade/participant/local/local-journal.ts";
import { undoLocalSteps } from "../../../src/upgrade/participant/local/local-steps.ts";
import { participantEffects } from "../../../src/upgrade/participant/participant-effects.ts";
import { checkReadiness } from "../../../src/upgrade/participant/readiness.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lockstep-readiness-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

const [upgradeId, from, to] = ["u000002", "1.0.0", "1.1.0"];
const journal = () => createLocalJournal(root, noFaults);

function run(more: { signal?: AbortSignal; overtime?: AbortSignal; isFirstTry?: boolean } = {}) {
  const never = new AbortController().signal;
  return {
    ...{ journal: journal(), steps: [], role: "state-server" as const, upgradeId, from, to },
    ...{ effect: "participant/a1/u000002/7/0", isFirstTry: true, now: new Date(0) },
    ...{ dataDirectory: root, signal: never, overtime: never, log: silentLog, ...more },
  };
}

test("a check that passes is a vote, one that rejects is a reason with its words", async () => {
  expect(await checkReadiness(run(), async () => {})).toEqual({ type: "readinessPassed" });
  expect(await checkReadiness(run(), () => Promise.reject(new Error("no key")))).toMatchObject({
    type: "readinessFailed",
    reason: { code: "not-ready", message: expect.stringContaining("no key") },
  });
});

test("a check that takes too long is a reason, though it resolves at last", async () => {
  const overtime = new AbortController();
  const late = async () => overtime.abort(new Error("it was not done in 5 ms"));
  expect(await checkReadiness(run({ overtime: overtime.signal }), late)).toMatchObject({
    reason: { code: "not-ready", message: expect.stringContaining("not done in 5 ms") },
  });
});

test("a check that ignores its signal is a reason after its first time-out, though its process ends in it", async () => {
  const overtime = new AbortController();
  const neverDone = () => new Promise<void>(() => {});
  void checkReadiness(run({ overtime: overtime.signal }), neverDone);
  await expect.poll(async () => (await journal().read(upgradeId))?.readiness?.attempt).toBe(1);
  overtime.abort(new Error("it was not done in 4000 ms"));
  await expect
    .poll(async () => (await journal().read(upgradeId))?.readiness?.timedOut)
    .toBe("it was not done in 4000 ms");
  // The process has left. The next one goes on with the same effect, and does not try the check again.
  const next = await checkReadiness(run(), () => Promise.reject(new Error("tried again")));
  expect(next).toMatchObject({
    type: "readinessFailed",
    reason: { code: "not-ready", message: expect.stringContaining("not done in 4000 ms") },
  });
});

test("a process that stops at its signal has not died in it; two deaths are a verdict", async () => {
  const stopping = new AbortController();
  const stopped = async () => stopping.abort(new Error("this process stops"));
  await expect(checkReadiness(run({ signal: stopping.signal }), stopped)).rejects.toThrow("stops");
  expect((await journal().read(upgradeId))?.readiness?.attempt).toBe(0);
  const dies = () => new Promise<void>(() => {});
  for (const attempt of [1, 2]) {
    void checkReadiness(run(), dies);
    await expect
      .poll(async () => (await journal().read(upgradeId))?.readiness?.attempt)
      .toBe(attempt);
  }
  expect(await checkReadiness(run(), async () => {})).toMatchObject({
    reason: { code: "not-ready", message: expect.stringContaining("died in it 2 times") },
  });
});

test("on a host that does not know its version, an undo after the check leaves that unknown", async () => {
  await checkReadiness(run(), async () => {});
  expect((await journal().read(upgradeId))?.from).toBe(beforeAllVersions);
  expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
  expect(await journal().stepsVersion()).toBe(undefined);
});

test("a build that is not the new one does not vote, whether it has a check or not", async () => {
  const world = { version: from, readiness: null, store: createMemoryStore({ now: () => 1 }) };
  const effects = participantEffects(world as unknown as AgentWorld);
  const context = {
    ...{ id: "participant/a1/u000002/7/0", actor: "", attempt: 1, epoch: 1 },
    latest: () => expect.unreachable(),
  };
  const found = await effects.checkReadiness(
    { upgradeId, from, to },
    { ...context, signal: new AbortController().signal, log: silentLog },
  );
  expect(found).toMatchObject({ type: "readinessFailed", reason: { code: "cannot-start" } });
});
