// Aim: an application that cannot begin is tried with growing pauses, and one in safe mode not before a person says so.
// Method: virtual time.
import { expect, test } from "vitest";
import { limits } from "../../../src/limits.ts";
import { OpeningHold } from "../../../src/upgrade/participant/gate/opening-hold.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const error = new Error("its key is not set");

/** How long it is held after a failure. */
async function pauseOf(hold: OpeningHold, clock: ReturnType<typeof createVirtualClock>) {
  hold.failed(error);
  const atMs = clock.monotonicMs();
  while (hold.isHeld) await clock.advance(500);
  return clock.monotonicMs() - atMs;
}

test("each failure doubles the pause, up to a limit; a shut gate or a success forgets them", async () => {
  const clock = createVirtualClock();
  const hold = new OpeningHold(clock, null);
  expect([hold.isHeld, hold.why]).toEqual([false, null]);
  const pauses: number[] = [];
  for (let count = 0; count < 8; count += 1) pauses.push(await pauseOf(hold, clock));
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(hold.why).toContain("its key is not set");
  hold.reset();
  expect(hold.why).toBe(null);
  expect(await pauseOf(hold, clock)).toBe(limits.openRetryDelayMs);
});

test("a person ends a pause, and the words stay until the application has begun", () => {
  const hold = new OpeningHold(createVirtualClock(), null);
  hold.failed(error);
  hold.lift();
  expect([hold.isHeld, hold.why?.includes("its key")]).toEqual([false, true]);
});

test("safe mode ends by a person alone", () => {
  const hold = new OpeningHold(createVirtualClock(), "it died");
  hold.reset();
  expect([hold.isHeld, hold.why?.startsWith("safe mode: it died")]).toEqual([true, true]);
  hold.lift();
  expect([hold.isHeld, hold.why]).toEqual([false, null]);
});
