// Aim: the story of `npm start` waits as long as its fleet goes on, however slow the machine is, and gives up in one
// sentence once nothing changes. Method: a clock by hand, and statuses that move or do not.
import { expect, test } from "vitest";
import { createPatience, quietMsMax, waitMsMax } from "../../demo/patience.ts";
import type { FleetStatus } from "../../src/index.ts";

const migrating = (batches: number, now: number) =>
  ({
    ...{
      now,
      master: { agent: "a1", epoch: 1, live: true, renewedAt: null, leaseUntil: now },
      agents: [],
    },
    upgrade: { from: "1.0.0", to: "1.1.0", state: "migrating", waitingFor: ["master"], batches },
  }) as unknown as FleetStatus;

test("a fleet that moves slowly is waited for", () => {
  let nowMs = 0;
  const patience = createPatience(() => nowMs);
  let batches = 0;
  while (nowMs + quietMsMax <= waitMsMax) {
    nowMs += quietMsMax;
    batches += 1;
    patience.see(migrating(batches, nowMs));
    patience.see(null);
    expect(() => patience.requireProgress("batch 20")).not.toThrow();
  }
  nowMs = waitMsMax + 1;
  patience.see(migrating(batches + 1, nowMs));
  expect(() => patience.requireProgress("batch 20")).toThrow(
    "it did not come in 20 minutes (1.0.0",
  );
});

test("a fleet that stands still is given up in one sentence; its clocks are no progress", () => {
  let nowMs = 0;
  const patience = createPatience(() => nowMs);
  patience.see(migrating(7, nowMs));
  nowMs = quietMsMax + 1;
  patience.see(migrating(7, nowMs));
  expect(() => patience.requireProgress("batch 20")).toThrow(
    "waited in vain for batch 20: nothing has changed in the fleet for 60 s (1.0.0 → 1.1.0 is in migrating, waits for master)",
  );
});
