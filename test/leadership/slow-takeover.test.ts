// Aim: a takeover that takes long, since the predecessor's sessions are many or the machine is slow, does not
// lose the lease on the way. Method: virtual time, leases in memory; ending the predecessor takes most of the
// lease's life.
import { expect, test } from "vitest";
import { createLeadership } from "../../src/leadership/leadership.ts";
import type { Mastership } from "../../src/leadership/mastership.ts";
import { silentLog } from "../../src/log.ts";
import { createDraw } from "../simulation/draw.ts";
import { createScheduler } from "../simulation/scheduler.ts";
import { createSimulatedLeases } from "../simulation/simulated/leases.ts";
import { createMemoryStore } from "../support/memory-store.ts";

test.each([2_500, 7_000])("ending the predecessor takes %i ms of 3,000", async (endMs) => {
  const scheduler = createScheduler();
  const store = createMemoryStore({ now: () => scheduler.nowMs() });
  const leases = createSimulatedLeases(store);
  const held: Mastership[] = [];
  const leadership = createLeadership({
    leases: {
      ...leases,
      async renew(nonce, epoch, ttlMs) {
        await scheduler.sleep(5);
        return leases.renew(nonce, epoch, ttlMs);
      },
    },
    async endPredecessor() {
      await scheduler.sleep(endMs);
      return 1;
    },
    ...{ agent: "a1", incarnation: 1, appName: "now", leaseTtlMs: 3_000 },
    clock: { monotonicMs: scheduler.nowMs, sleep: scheduler.sleep },
    random: createDraw(1),
    log: silentLog,
    eligible: async () => true,
  });
  const running = leadership.run(async (mastership) => {
    held.push(mastership);
    await new Promise((resolve) => {
      mastership.signal.addEventListener("abort", resolve, { once: true });
    });
  });
  await scheduler.run(30_000);
  expect(held.map(({ epoch, signal }) => [epoch, signal.aborted])).toEqual([[1, false]]);
  void leadership.stop();
  await scheduler.run(31_000);
  await running;
  expect(await leases.freeInMs()).toBe(0);
});
