// Aim: a member that dies is started again, one that never stays ends the whole, and a stop is no death. Method: members and
// a clock that the test moves.
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { keepMembers } from "../../src/local/keep-members.ts";
import type { Clock } from "../../src/ports/clock.ts";

type End = { readonly code: number | null; readonly signal: string | null };

function stage(onRestart: () => Promise<void> = async () => {}) {
  let nowMs = 0;
  const waiting: ((end: End) => void)[] = [];
  const said: string[] = [];
  let restarts = 0;
  const clock: Clock = {
    monotonicMs: () => nowMs,
    sleep: (_ms, signal) =>
      new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true })),
  };
  const member = {
    name: "m1",
    lastLines: async () => "its last line",
    ended: () => new Promise<End>((resolve) => void waiting.push(resolve)),
    async restart() {
      await onRestart();
      restarts += 1;
    },
  };
  const stopping = new AbortController();
  const kept = keepMembers(
    [member, { ...member, name: "m2", ended: () => new Promise<End>(() => {}) }],
    clock,
    stopping.signal,
    ({ name }, how) => said.push(`${name} ${how}`),
  );
  return {
    kept,
    said,
    restarts: () => restarts,
    stop: () => stopping.abort(),
    /** The member dies after this time. */
    async die(afterMs: number, end: End = { code: null, signal: "SIGKILL" }) {
      nowMs += afterMs;
      waiting.pop()?.(end);
      for (let turns = 0; turns < 5; turns += 1) await turn();
    },
  };
}

test("each death is said, and the member is started again, until the stop", async () => {
  const { kept, said, restarts, stop, die } = stage();
  for (let deaths = 0; deaths < 5; deaths += 1) await die(60_000);
  await die(60_000, { code: 14, signal: null });
  expect([said.length, said.at(0), said.at(-1), restarts()]).toEqual([
    ...[6, "m1 SIGKILL", "m1 code 14", 6],
  ]);
  stop();
  await kept;
});

test("the third death in a row soon after a start ends it; a longer life between counts anew", async () => {
  const { kept, restarts, die } = stage();
  const end = expect(kept).rejects.toMatchObject({
    code: "mongod-does-not-run",
    message: expect.stringMatching(/"m1" ended 3 times in a row .* SIGKILL: its last line/),
  });
  await die(100);
  await die(100);
  await die(60_000);
  await die(100);
  await die(100);
  expect(restarts()).toBe(5);
  await die(100);
  await end;
  expect(restarts()).toBe(5);
});

test("a start that fails ends it, and one that the stop interrupts does not", async () => {
  const failing = stage(() => Promise.reject(new Error("no disk")));
  const end = expect(failing.kept).rejects.toThrow("no disk");
  await failing.die(60_000);
  await end;
  const interrupted = stage(() => {
    interrupted.stop();
    return Promise.reject(new Error("interrupted"));
  });
  await interrupted.die(60_000);
  await interrupted.kept;
});
