import type { EngineFigures } from "../../src/operator/figures/engine-figures.ts";
import type { FleetFigures } from "../../src/operator/figures/figures-reader.ts";
import { agentWith, at, statusWith, upgradeWith } from "./fleet-status.ts";

const engine: EngineFigures = {
  machines: [{ machine: "order", living: 2, held: 30, unowned: 2, timerLagMs: 61_500 }],
  ...{ machinesAll: 1, workers: { alive: 2, expired: 1 }, entries: 1_234 },
  counted: {
    ageMs: 30_000,
    machines: [
      {
        ...{ machine: "order", working: 7, workAgeMs: 90_000 },
        statuses: { active: 100_000, done: 3, error: 1, stopped: 0 },
      },
    ],
  },
};

/** Figures with a sample of each metric. */
export const figures: FleetFigures = {
  upgrades: {
    totals: {
      entered: new Map([
        ["migrating", 3],
        ["blocked", 1],
      ]),
      takeovers: 2,
      effects: new Map([["migrate", { count: 3, sumMs: 9_000, lastMs: 4_000 }]]),
    },
    running: new Map([["rehearse", 12_000]]),
  },
  engine,
};

const backups = { held: 2, bytes: 1_000, newestAt: at - 3_600_000 };

/** A status with a sample of each metric. */
export const whole = statusWith({
  master: { agent: "a1", epoch: 2, live: true, renewedAt: at - 1_000, leaseUntil: at + 9_000 },
  upgrade: upgradeWith({ downtime: { from: at - 60_000, until: null } }),
  agents: [
    // An agent drains with its gate still open.
    agentWith({ backups, drainingSince: at }),
    agentWith({ agent: "a2", gate: "shut", silent: true, lastSeenAt: at - 30_000 }),
    agentWith({ agent: "a3", role: "machine" }),
    agentWith({ agent: "a4", gate: "shut" }),
  ],
});
