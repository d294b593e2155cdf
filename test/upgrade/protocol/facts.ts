import { participantMachine } from "../../../machines/participant.ts";
import type { AgentEvent } from "../../../machines/participant-context.ts";
import { upgradeMachine } from "../../../machines/upgrade.ts";
import type { UpgradeEvent } from "../../../machines/upgrade-context.ts";
import type { BackupPoint, RestoreOf } from "../../../machines/vocabulary.ts";
import { type AgentRecord, register } from "../../../src/control/agents.ts";
import { inTransition } from "../../../src/control/versions.ts";
import { callerKey } from "../../../src/fleet-engine/event-key.ts";
import {
  type Definition,
  firstTransition,
  nextTransition,
} from "../../../src/fleet-engine/transition.ts";
import type { Entry, Store } from "../../../src/journal/store.ts";
import type { FleetFacts } from "../../../src/operator/fleet-facts.ts";
import { planOf } from "../../../src/upgrade/protocol/steps.ts";

export const upgradeId = "u000002";
export const [from, to] = ["1.0.0", "1.1.0"];
export const reason = { code: "step-failed", message: "it failed", details: {} };
/** Of a build without steps. */
export const { hash } = planOf([], from, to);
const names = ["a1", "a2"];
const deadlines = {
  ...{ waitingMs: 1, backingUpMs: 2, noProgressMs: 3, peersMs: 4, silentMs: 5, pausedMs: 7 },
  rollingBackMs: 6,
};

export function record(agent: string, more: Partial<AgentRecord> = {}): AgentRecord {
  return {
    agent,
    role: "state-server",
    incarnation: 2,
    version: from,
    startable: [from, to],
    gate: "shut",
    owes: null,
    lastSeenAt: 0,
    forgotten: false,
    blocked: null,
    retry: null,
    freeBytes: 0,
    backups: [],
    memberTrouble: null,
    host: "h",
    pid: 1,
    ...more,
  };
}

/** Registers an agent's process as the product does; answers with its incarnation. */
export function join(
  store: Store,
  agent: string,
  more: Partial<Parameters<typeof register>[2]> = {},
): Promise<number> {
  return register(store, agent, { ...record(agent), incarnationAtLeast: 1, ...more });
}

function play(definition: Definition, first: Entry, events: readonly { type: string }[]): Entry[] {
  const entries = [first];
  for (const [index, event] of events.entries()) {
    const tail = entries.at(-1) as Entry;
    const stamp = { epoch: first.epoch, at: index + 1, eventKey: callerKey(`k${index}`) };
    entries.push(nextTransition(definition, tail, event, stamp).entry);
  }
  return entries;
}

/** A coordinator's journal, as the real core writes it. */
export function coordinator(
  events: readonly UpgradeEvent[],
  epoch = 1,
  restoreOf: RestoreOf | null = null,
): Entry[] {
  const definition: Definition = { machine: upgradeMachine, protocol: 1 };
  const required = names.map((agent) => ({ agent, role: "state-server" }));
  const input = { upgradeId, from, to, required, deadlines, restoreOf, acceptedAt: 1 };
  const base = {
    actor: `upgrade/${upgradeId}`,
    machine: "upgrade",
    owner: { kind: "role", role: "master" } as const,
  };
  return play(definition, firstTransition(definition, base, input, { epoch, at: 0 }).entry, events);
}

/** A participant's journal, as the real core writes it. */
export function participant(
  agent: string,
  events: readonly AgentEvent[],
  epoch = 2,
  partOf = upgradeId,
): Entry[] {
  const definition: Definition = { machine: participantMachine, protocol: 1 };
  const input = { agent, role: "state-server", upgradeId: partOf, from, to };
  const base = {
    actor: `participant/${agent}/${partOf}`,
    machine: "participant",
    owner: { kind: "pinned", agent } as const,
  };
  return play(definition, firstTransition(definition, base, input, { epoch, at: 0 }).entry, events);
}

const ready = (agent: string, schemaSteps: number): UpgradeEvent => ({
  type: "participantReady",
  agent,
  incarnation: 2,
  hash,
  schemaSteps,
  protocol: 1,
});
export const backup: BackupPoint = {
  time: "1:1",
  foreignWrites: "only detected",
  digest: "d",
  catalogue: "c",
};

/** Events that lead a coordinator to each state. */
export const ways: Readonly<Record<string, readonly UpgradeEvent[]>> = (() => {
  const waiting: UpgradeEvent[] = [];
  const backingUp = [...names.map((name) => ready(name, 1)), { type: "gatesShut" } as const];
  const rehearsing: UpgradeEvent[] = [
    ...backingUp,
    { type: "backupTimeChosen", backup },
    ...names.map(
      (agent) => ({ type: "copyReported", agent, time: "1:1", digest: "d", reason: null }) as const,
    ),
  ];
  const migrating: UpgradeEvent[] = [
    ...rehearsing,
    { type: "rehearsalPassed", expected: "e", figures: [], growthBytes: 0 },
  ];
  const paused: UpgradeEvent[] = [
    ...migrating,
    { type: "pauseRequested", why: "a look" },
    { type: "migrationPaused" },
  ];
  const awaiting: UpgradeEvent[] = [...migrating, { type: "migrationDone" }];
  const done: UpgradeEvent[] = [
    ...awaiting,
    { type: "liveDataVerified" },
    ...names.map((agent) => ({ type: "participantVoted", agent }) as const),
  ];
  const rollingBack: UpgradeEvent[] = [...migrating, { type: "migrationFailed", reason }];
  return {
    waiting,
    "backing-up": backingUp,
    rehearsing,
    migrating,
    paused,
    "awaiting-peers": awaiting,
    done,
    "rolling-back": rollingBack,
    blocked: [...rollingBack, { type: "restoreFailed", reason }],
    "rolled-back": [
      ...rollingBack,
      { type: "dataRestored", digest: "d" },
      ...names.map((agent) => ({ type: "participantUndone", agent }) as const),
    ],
  };
})();

/** A fleet in which nothing is wrong, its coordinator in the state. */
export function fleetIn(state: string): FleetFacts {
  const entries = coordinator(ways[state] ?? []);
  const back = ["rolling-back", "blocked"].includes(state);
  const versions =
    state === "done"
      ? { agentVersion: to, databaseVersion: to, upgradeId: null, generation: 2 }
      : state === "rolled-back"
        ? { agentVersion: from, databaseVersion: from, upgradeId: null, generation: 3 }
        : {
            agentVersion: back ? from : to,
            databaseVersion: inTransition(from, to, upgradeId),
            upgradeId,
            generation: 2,
          };
  return {
    versions,
    agents: names.map((name) => record(name, { version: state === "done" ? to : from })),
    journals: {
      [`upgrade/${upgradeId}`]: entries,
      [`participant/a1/${upgradeId}`]: participant("a1", []),
    },
    fenceEpoch: 1,
  };
}
