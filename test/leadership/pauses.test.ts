// Aim: masterships that come to nothing are followed by longer and longer pauses, so that none flaps. Method: one
// leadership on leases in memory, in virtual time; masters whose work fails.
import { expect, onTestFinished, test } from "vitest";
import { LockstepError } from "../../src/errors.ts";
import { createLeadership } from "../../src/leadership/leadership.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { systemRandom } from "../../src/ports/random.ts";
import { createSimulatedLeases } from "../simulation/simulated/leases.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

/** The pauses in milliseconds between masterships whose work ends as the list says; null is a good end. */
async function pausesAfter(ends: readonly (Error | null)[]): Promise<readonly number[]> {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  const leadership = createLeadership({
    leases: createSimulatedLeases(store),
    endPredecessor: async () => 0,
    ...{ agent: "a1", incarnation: 1, appName: "a1", leaseTtlMs: 3_000 },
    ...{ clock, random: systemRandom, log: silentLog },
    eligible: async () => true,
  });
  const begunAtMs: number[] = [];
  void leadership.run(async () => {
    begunAtMs.push(clock.monotonicMs());
    const end = ends[begunAtMs.length - 1];
    if (end) throw end;
  });
  onTestFinished(() => leadership.stop());
  for (let look = 0; look < 10_000 && begunAtMs.length <= ends.length; look += 1) {
    await clock.advance(limits.leaseAcquirePollMs / 2);
  }
  return ends.map((_, index) => (begunAtMs[index + 1] ?? 0) - (begunAtMs[index] ?? 0));
}

const pauseMs = limits.leaseAcquirePollMs;

test("each mastership that comes to nothing is followed by twice the pause, up to half a minute", async () => {
  const pauses = await pausesAfter(Array.from({ length: 10 }, () => new Error("no luck")));
  const expected = Array.from({ length: 10 }, (_, index) =>
    Math.min(pauseMs * 2 ** (index + 1), limits.leasePauseMsMax),
  );
  expect(pauses).toEqual(expected);
});

test("one that does its work ends the pauses", async () => {
  const failure = new Error("no luck");
  expect(await pausesAfter([failure, failure, null, failure])).toEqual(
    [2, 4, 1, 2].map((times) => times * pauseMs),
  );
});

test.each(["database-unreachable", "no-majority"] as const)(
  "%s is nobody's failure: no pause grows",
  async (code) => {
    const away = new LockstepError(code, "away");
    expect(await pausesAfter([away, away, away])).toEqual([pauseMs, pauseMs, pauseMs]);
  },
);
