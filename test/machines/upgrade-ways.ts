import { expect } from "vitest";
import type { EventObject } from "xstate";
import type { UpgradeEvent } from "../../machines/upgrade-context.ts";

export const names = ["a1", "a2"];
export const input = {
  ...{ upgradeId: "u1", from: "1.0.0", to: "1.1.0" },
  required: names.map((agent) => ({ agent, role: "state-server" })),
  deadlines: {
    ...{ waitingMs: 1, backingUpMs: 2, noProgressMs: 3, peersMs: 4, silentMs: 7, pausedMs: 8 },
    rollingBackMs: 5,
  },
  restoreOf: null,
  acceptedAt: 1,
};
export const { upgradeId, from, to } = input;
export const versions = { upgradeId, from, to };
export const reason = { code: "step-failed", message: "it failed", details: { step: "s" } };
export const gone = { code: "moment-gone", message: "too old", details: {} };
export const backup = {
  time: "1:1",
  foreignWrites: "prevented",
  digest: "d",
  catalogue: "c",
} as const;
export const figures = [{ step: "s", durationMs: 2, documents: 1, batches: 1 }];

export const ready = (agent: string, more: object = {}): UpgradeEvent => ({
  ...{ type: "participantReady", agent, incarnation: 1, hash: "h", schemaSteps: 1, protocol: 1 },
  ...more,
});
export const copy = (agent: string, more: object = {}): UpgradeEvent => ({
  ...{ type: "copyReported", agent, time: "1:1", digest: "d", reason: null },
  ...more,
});
export const of = (type: string, agent: string) => ({ type, agent }) as UpgradeEvent;
export const event = (type: string, more: object = {}) => ({ type, ...more }) as UpgradeEvent;
export const participantFailed = event("participantFailed", { agent: "a1", reason });
export const effectFailed = event("effectFailed", { effect: "any", reason });
export const deadline = event("deadlinePassed");
export const abort = event("abortRequested", { why: "a test" });
export const retry = event("retryRequested");

export const backingUp = [...names.map((agent) => ready(agent)), event("gatesShut")];
export const chosen = [...backingUp, event("backupTimeChosen", { backup })];
export const rehearsing = [...chosen, copy("a1"), copy("a2")];
export const tooOld = copy("a1", { digest: null, reason: gone });
export const passed = event("rehearsalPassed", { expected: "e", figures, growthBytes: 7 });
export const migrating = [...rehearsing, passed];
export const awaiting = [...migrating, event("migrationDone")];
export const back = [...migrating, event("migrationFailed", { reason })];
export const blocked = [...back, event("restoreFailed", { reason })];

export const ask = (name: string, params: object) => ({ name, params });
export const disarm = (sendId: string) => ask("xstate.cancel", { sendId });
const armed = (id: string, delay: number, event: object) => [
  disarm(id),
  ask("xstate.raise", { event, id, delay }),
];
export const timer = (delay: number) => armed("deadline", delay, { type: "deadlinePassed" });
export const choose = [...timer(2), ask("chooseBackupTime", { upgradeId, to: versions.to })];
/** The timer of a silent agent is armed, or disarmed. */
export const silence = (agent: string) =>
  armed(`silence/${agent}`, 7, { type: "silentTooLong", agent });
export const heard = (agent: string) => disarm(`silence/${agent}`);
export const work = (growthBytes: number | null, holders: readonly string[]) => ({
  ...versions,
  ...{ backup, restoreOf: null, growthBytes, holders },
});
export const verify = (expected: unknown, of_: unknown) => [
  ask("verifyLiveData", { upgradeId, to: versions.to, expected, backup: of_ }),
];
export const wayBack = (more: object = {}) => [
  ask("cancelEffects", {}),
  ask("turnBack", versions),
  ...timer(5),
  ask("restore", {
    upgradeId,
    ...{ backup, touched: true, acceptForeignWrites: false, holders: names },
    ...more,
  }),
];
export const untouched = { backup: null, touched: false, holders: [] };
export const ends = [ask("liftHolds", { upgradeId })];
export const prose = expect.any(String);
export const timeout = (details: object) => ({ code: "timeout", message: prose, details });
export const byAgent = { ...reason, details: { step: "s", agent: "a1" } };

export type Row = [
  name: string,
  before: readonly EventObject[],
  event: EventObject,
  state: string,
  changed: object,
  asked?: readonly object[],
];
