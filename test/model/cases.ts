import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from "xstate";
import { participantMachine } from "../../machines/participant.ts";
import type {
  AgentEvent,
  ParticipantContext,
  ParticipantInput,
} from "../../machines/participant-context.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import type { UpgradeContext, UpgradeEvent, UpgradeInput } from "../../machines/upgrade-context.ts";
import type { BackupPoint } from "../../machines/vocabulary.ts";

/** A machine with its input, the events that may reach it, and what tells two states apart. */
export interface Case {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  readonly events: readonly EventObject[];
  /** Context by value alone collapses barriers; all of it multiplies states: so what each state needs. */
  readonly project: (snapshot: AnyMachineSnapshot) => unknown;
}

const reason = { code: "step-failed", message: "it failed", details: {} };

const upgradeInput: UpgradeInput = {
  upgradeId: "u000002",
  from: "1.0.0",
  to: "1.1.0",
  required: [
    { agent: "a1", role: "state-server" },
    { agent: "a2", role: "state-server" },
  ],
  deadlines: {
    ...{ waitingMs: 1, backingUpMs: 2, noProgressMs: 3, peersMs: 4, silentMs: 5, pausedMs: 7 },
    rollingBackMs: 6,
  },
  restoreOf: null,
  acceptedAt: 1,
};

const ready = (agent: string, hash: string, schemaSteps: number): UpgradeEvent => ({
  type: "participantReady",
  agent,
  incarnation: 1,
  hash,
  schemaSteps,
  protocol: 1,
});

const point: BackupPoint = {
  time: "1:1",
  foreignWrites: "only detected",
  digest: "d",
  catalogue: "c",
};

const upgradeEvents: readonly UpgradeEvent[] = [
  ready("a1", "h", 1),
  ready("a2", "h", 1),
  ready("a2", "other", 1),
  ready("a1", "none", 0),
  ready("a2", "none", 0),
  { type: "gatesShut" },
  { type: "participantFailed", agent: "a1", reason },
  { type: "backupTimeChosen", backup: point },
  { type: "copyReported", agent: "a1", time: "1:1", digest: "d", reason: null },
  { type: "copyReported", agent: "a2", time: "1:1", digest: "d", reason: null },
  { type: "copyReported", agent: "a2", time: "1:1", digest: "e", reason: null },
  { type: "copyReported", agent: "a2", time: "1:1", digest: null, reason },
  { type: "copyReported", agent: "a2", time: "0:1", digest: "d", reason: null },
  {
    type: "copyReported",
    agent: "a2",
    time: "1:1",
    digest: null,
    reason: { code: "moment-gone", message: "too old", details: {} },
  },
  { type: "rehearsalPassed", expected: "e", figures: [], growthBytes: 0 },
  { type: "rehearsalFailed", reason },
  { type: "liveDataDiffers", reason },
  { type: "progressSeen", sequence: 1 },
  { type: "migrationDone" },
  { type: "migrationPaused" },
  { type: "migrationFailed", reason },
  { type: "liveDataVerified" },
  { type: "participantVoted", agent: "a1" },
  { type: "participantVoted", agent: "a2" },
  { type: "participantSilent", agent: "a2" },
  { type: "participantHeard", agent: "a2" },
  { type: "silentTooLong", agent: "a2" },
  { type: "dataRestored", digest: "d" },
  { type: "restoreFailed", reason },
  { type: "copyLost", agent: "a1", reason },
  { type: "copyLost", agent: "a2", reason },
  { type: "participantUndone", agent: "a1" },
  { type: "participantUndone", agent: "a2" },
  { type: "participantAbsent", agent: "a2" },
  { type: "abortRequested", why: "a test" },
  { type: "retryRequested" },
  { type: "pauseRequested", why: "a test" },
  { type: "resumeRequested" },
  { type: "agentForgotten", agent: "a1" },
  { type: "agentForgotten", agent: "a2" },
  { type: "deadlinePassed" },
  { type: "effectFailed", effect: "any", reason },
];

function projectUpgrade(snapshot: AnyMachineSnapshot): unknown {
  const context = snapshot.context as UpgradeContext;
  const always = [context.required.length, context.silent.length];
  switch (snapshot.value) {
    case "waiting": {
      const hashes = Object.entries(context.ready).map(([agent, { hash }]) => agent + hash);
      return [always, hashes.toSorted(), context.gatesShut];
    }
    case "backing-up": {
      const copies = Object.entries(context.copies).map(([agent, { digest }]) => agent + digest);
      return [always, context.backup !== null, copies.toSorted(), context.momentsGone];
    }
    case "rehearsing":
    case "migrating":
      return [always, context.momentsGone, context.pause !== null];
    case "paused":
      return [always, context.momentsGone];
    case "awaiting-peers":
      return [always, context.verifying, context.verified, context.voted.toSorted()];
    case "rolling-back":
    case "blocked":
      return [
        ...[
          context.required.length,
          context.restored,
          context.undone.toSorted(),
          context.debtors.toSorted(),
        ],
        // How many copies are left, looked at apart from who is back: neither bears on the other.
        context.restored || context.undone.length + context.debtors.length > 0
          ? 0
          : Object.values(context.copies).filter(({ digest }) => digest).length,
      ];
    default:
      return [context.required.length];
  }
}

const agentInput: ParticipantInput = {
  agent: "a1",
  role: "state-server",
  upgradeId: "u000002",
  from: "1.0.0",
  to: "1.1.0",
};

const started = (version: string, failed: boolean): AgentEvent => ({
  type: "started",
  version,
  incarnation: 1,
  hash: "h",
  schemaSteps: 1,
  protocol: 1,
  cannotStart: failed ? reason : null,
});

const agentEvents: readonly AgentEvent[] = [
  started("1.0.0", false),
  started("1.1.0", false),
  started("1.0.0", true),
  started("1.1.0", true),
  { type: "gateShut" },
  { type: "copyAsked", backup: point },
  { type: "copyMade", digest: "d" },
  { type: "copyFailed", reason },
  { type: "localStepsAsked" },
  { type: "localStepsDone" },
  { type: "localStepFailed", reason },
  { type: "readinessPassed" },
  { type: "readinessFailed", reason },
  { type: "committed" },
  { type: "turnBackAsked" },
  { type: "undone" },
  { type: "superseded" },
  { type: "undoFailed", reason },
  { type: "retryRequested" },
  { type: "effectFailed", effect: "any", reason },
];

function projectAgent(snapshot: AnyMachineSnapshot): unknown {
  const context = snapshot.context as ParticipantContext;
  const { running, gateShut, leaving, late, turnedBack, superseded, undone } = context;
  const flags = [gateShut, leaving, late, turnedBack, superseded, undone, context.reason !== null];
  return [running, ...flags];
}

export const cases: readonly Case[] = [
  {
    name: "upgrade",
    machine: upgradeMachine,
    input: upgradeInput,
    events: upgradeEvents,
    project: projectUpgrade,
  },
  {
    name: "participant",
    machine: participantMachine,
    input: agentInput,
    events: agentEvents,
    project: projectAgent,
  },
];
