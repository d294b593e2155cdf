// Aim: nobody's silence counts while the database was away or its clock jumped, however shortly after it is
// looked at. Method: two clocks by hand.
import { expect, test } from "vitest";
import { createFailureDetector } from "../../src/control/failure-detector.ts";
import { limits } from "../../src/limits.ts";

const staleMs = limits.heartbeatStaleMs;

function clocks() {
  let [ownMs, storeMs] = [0, 1_000_000];
  const failureDetector = createFailureDetector({ monotonicMs: () => ownMs }, storeMs);
  return {
    failureDetector,
    /** Both clocks go on, looked at each second. */
    listen(ms: number) {
      for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
        ownMs += 1_000;
        storeMs += 1_000;
        failureDetector.observe(storeMs);
      }
    },
    look() {
      failureDetector.observe(storeMs);
    },
    stall(ms: number) {
      ownMs += ms;
      storeMs += ms;
    },
    jump(ms: number) {
      storeMs += ms;
    },
    canJudgeSilence: () => failureDetector.canJudgeSilence(storeMs),
  };
}

test("a new process has to listen first", () => {
  const at = clocks();
  at.listen(staleMs);
  expect(at.canJudgeSilence()).toBe(false);
  at.listen(1_000);
  expect(at.canJudgeSilence()).toBe(true);
});

test.each<[string, (at: ReturnType<typeof clocks>) => void]>([
  ["a database that stands still", (at) => at.stall(limits.detectorGapMs + 1)],
  ["a primary whose clock is ahead", (at) => at.jump(limits.clockJumpMs + 1)],
  ["a primary whose clock is behind", (at) => at.jump(-limits.clockJumpMs - 1)],
])("%s: nobody is called silent before it was listened to again", (_what, happen) => {
  const at = clocks();
  at.listen(60_000);
  happen(at);
  // Also before the first look after it.
  expect(at.canJudgeSilence()).toBe(false);
  at.listen(staleMs);
  expect(at.canJudgeSilence()).toBe(false);
  at.listen(2_000);
  expect(at.canJudgeSilence()).toBe(true);
});

test("a look that comes a little late is no gap", () => {
  const at = clocks();
  at.listen(60_000);
  at.stall(limits.detectorGapMs);
  at.jump(limits.clockJumpMs);
  expect(at.canJudgeSilence()).toBe(true);
});

test("a database that is slow all the time is heard in the end; one that stands still is not", () => {
  const at = clocks();
  const cycleMs = limits.detectorGapMs + 500;
  for (let cycle = 0; cycle < limits.detectorGapsMax; cycle += 1) {
    expect(at.canJudgeSilence()).toBe(false);
    at.stall(cycleMs);
    at.look();
  }
  expect(at.canJudgeSilence()).toBe(true);
  at.stall(2 * staleMs + 1);
  expect(at.canJudgeSilence()).toBe(false);
});
