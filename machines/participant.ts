import { assign, setup } from "xstate";
import type { ParticipantParams } from "./effect-params.ts";
import type { AgentEvent, ParticipantContext, ParticipantInput } from "./participant-context.ts";
import type { CancelEffectsParams } from "./vocabulary.ts";

/**
 * The participant is one agent's part in one upgrade. That agent alone drives it. It decides nothing: it reports its
 * failures, and the coordinator's decision moves it.
 */
export const participantMachine = setup({
  types: {
    context: {} as ParticipantContext,
    events: {} as AgentEvent,
    input: {} as ParticipantInput,
  },
  actions: {
    cancelEffects: (_, _params: CancelEffectsParams) => {},
    shutGate: (_, _params: ParticipantParams["shutGate"]) => {},
    changeVersion: (_, _params: ParticipantParams["changeVersion"]) => {},
    dumpCopy: (_, _params: ParticipantParams["dumpCopy"]) => {},
    runLocalSteps: (_, _params: ParticipantParams["runLocalSteps"]) => {},
    /** Asks the application of the new build whether it can serve, on the migrated data, before the vote. */
    checkReadiness: (_, _params: ParticipantParams["checkReadiness"]) => {},
    undoLocalSteps: (_, _params: ParticipantParams["undoLocalSteps"]) => {},
    /** Makes this version the launcher's default, and lets before-images go. */
    keepVersion: (_, _params: ParticipantParams["keepVersion"]) => {},
    noteStarted: assign(({ context, event }) => {
      if (event.type !== "started") return {};
      const { version, incarnation, hash, steps, schemaSteps, protocol, cannotStart } = event;
      return {
        running: version,
        incarnation,
        plan: { hash, ...(steps && { steps }), schemaSteps, protocol },
        leaving: false,
        reason: cannotStart ?? context.reason,
      };
    }),
    noteGateShut: assign({ gateShut: true }),
    noteLeaving: assign({ leaving: true }),
    noteBackup: assign(({ event }) =>
      event.type === "copyAsked" ? { backup: event.backup, copy: null } : {},
    ),
    noteCopy: assign(({ event }) => {
      if (event.type === "copyMade") return { copy: { digest: event.digest, reason: null } };
      if (event.type === "copyFailed" || event.type === "effectFailed") {
        return { copy: { digest: null, reason: event.reason } };
      }
      return {};
    }),
    noteFailure: assign(({ event }) =>
      event.type === "localStepFailed" ||
      event.type === "readinessFailed" ||
      event.type === "undoFailed" ||
      event.type === "effectFailed"
        ? { reason: event.reason }
        : {},
    ),
    noteLate: assign({ late: true }),
    noteTurnedBack: assign({ turnedBack: true, leaving: false }),
    noteSuperseded: assign({ superseded: true, reason: null }),
    noteUndone: assign({ undone: true }),
    noteRetry: assign({ reason: null, leaving: false }),
  },
  guards: {
    mustChangeToNew: ({ context }) =>
      context.gateShut &&
      !context.leaving &&
      context.running !== null &&
      context.running !== context.to &&
      context.reason === null,
    lateAndReady: ({ context }) =>
      context.late && context.gateShut && context.running === context.to,
    lateAndFailed: ({ context }) => context.late && context.reason !== null,
    mustChangeToOld: ({ context }) =>
      context.undone &&
      !context.leaving &&
      context.running !== null &&
      context.running !== context.from,
    backOnOld: ({ context }) => context.undone && context.running === context.from,
    /** From the commit point no path leads back (S10). */
    isNotLate: ({ context }) => !context.late,
    isLate: ({ context }) => context.late,
    isFirstLate: ({ context }) => context.late && !context.superseded,
    isSuperseded: ({ context }) => context.superseded,
    isTurnedBack: ({ context }) => context.turnedBack,
    /** True where the launcher could not start the old version either. */
    cannotGoBack: ({ context, event }) =>
      event.type === "started" && event.cannotStart !== null && event.version !== context.from,
  },
}).createMachine({
  id: "participant",
  context: ({ input }) => ({
    ...input,
    running: null,
    incarnation: 0,
    plan: null,
    gateShut: false,
    leaving: false,
    late: false,
    turnedBack: false,
    superseded: false,
    backup: null,
    copy: null,
    undone: false,
    reason: null,
  }),
  initial: "waiting",
  on: { started: { actions: "noteStarted" } },
  states: {
    waiting: {
      description:
        "Waits for the new version of this agent to run with the gate shut, then for the coordinator. Leaves when the coordinator asks for copies or local steps, commits, or turns back.",
      entry: [{ type: "shutGate", params: ({ context: { agent } }) => ({ agent }) }],
      always: [
        { guard: "lateAndFailed", target: "blocked" },
        { guard: "lateAndReady", target: "migrating" },
        {
          guard: "mustChangeToNew",
          actions: [
            "noteLeaving",
            { type: "changeVersion", params: ({ context: { to } }) => ({ version: to }) },
          ],
        },
      ],
      on: {
        gateShut: { actions: "noteGateShut" },
        copyAsked: { guard: "isNotLate", target: "backing-up", actions: "noteBackup" },
        localStepsAsked: { guard: "isNotLate", target: "migrating" },
        effectFailed: { actions: "noteFailure" },
        committed: { actions: "noteLate" },
        turnBackAsked: { guard: "isNotLate", target: "rolling-back" },
      },
    },
    "backing-up": {
      description:
        "Waits for the dump of this state server's own member at the time T, then for the coordinator. Leaves when the coordinator asks for local steps, commits, or turns back.",
      entry: [
        {
          type: "dumpCopy",
          params: ({ context: { upgradeId, from, backup } }) => ({ upgradeId, from, backup }),
        },
      ],
      on: {
        copyAsked: {
          target: "backing-up",
          reenter: true,
          actions: [{ type: "cancelEffects", params: {} }, "noteBackup"],
        },
        copyMade: { actions: "noteCopy" },
        copyFailed: { actions: "noteCopy" },
        effectFailed: { actions: "noteCopy" },
        localStepsAsked: { target: "migrating" },
        committed: { target: "waiting", actions: "noteLate" },
        turnBackAsked: { target: "rolling-back" },
      },
    },
    migrating: {
      description:
        "Waits for the local steps of this agent. Leaves when they end, or when the coordinator turns back; after the commit a failure blocks this agent alone.",
      entry: [
        {
          type: "runLocalSteps",
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
      ],
      always: [
        {
          guard: "lateAndFailed",
          target: "blocked",
          actions: { type: "cancelEffects", params: {} },
        },
      ],
      on: {
        localStepsDone: [{ guard: "isLate", target: "done" }, { target: "checking-readiness" }],
        localStepFailed: { actions: "noteFailure" },
        effectFailed: { actions: "noteFailure" },
        committed: { actions: "noteLate" },
        turnBackAsked: { guard: "isNotLate", target: "rolling-back" },
      },
    },
    "checking-readiness": {
      description:
        "Waits for the application's readiness check on the new build, with the gate shut. Leaves with a vote when the check passes, or when the coordinator commits without this agent or turns back.",
      entry: [
        {
          type: "checkReadiness",
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
      ],
      on: {
        readinessPassed: { target: "awaiting-peers" },
        readinessFailed: { actions: "noteFailure" },
        effectFailed: { actions: "noteFailure" },
        committed: {
          target: "done",
          actions: [{ type: "cancelEffects", params: {} }, "noteLate"],
        },
        turnBackAsked: { target: "rolling-back" },
      },
    },
    "awaiting-peers": {
      description:
        "Waits for the coordinator's decision, since this agent has voted. Leaves when the coordinator commits or turns back.",
      on: {
        committed: { target: "done" },
        turnBackAsked: { target: "rolling-back" },
      },
    },
    "rolling-back": {
      description:
        "Waits for the undo of this agent's local steps, and for its old version to run. Leaves when both are done, or when the undo fails and blocks this agent.",
      entry: [
        { type: "cancelEffects", params: {} },
        "noteTurnedBack",
        { type: "shutGate", params: ({ context: { agent } }) => ({ agent }) },
        {
          type: "undoLocalSteps",
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
      ],
      always: [
        { guard: "backOnOld", target: "rolled-back" },
        {
          guard: "mustChangeToOld",
          actions: [
            "noteLeaving",
            { type: "changeVersion", params: ({ context: { from } }) => ({ version: from }) },
          ],
        },
      ],
      on: {
        started: [
          { guard: "cannotGoBack", target: "blocked", actions: "noteStarted" },
          { actions: "noteStarted" },
        ],
        gateShut: { actions: "noteGateShut" },
        undone: { actions: "noteUndone" },
        undoFailed: { target: "blocked", actions: "noteFailure" },
        effectFailed: { target: "blocked", actions: "noteFailure" },
      },
    },
    blocked: {
      description:
        "Waits for an operator with the gate shut, since this agent cannot go on by itself. Leaves when the operator retries, in the same direction.",
      on: {
        retryRequested: [
          { guard: "isTurnedBack", target: "rolling-back", actions: "noteRetry" },
          { guard: "isSuperseded", target: "withdrawing", actions: "noteRetry" },
          { target: "waiting", actions: "noteRetry" },
        ],
        superseded: { guard: "isFirstLate", target: "withdrawing", actions: "noteSuperseded" },
      },
    },
    withdrawing: {
      description:
        "Waits for the undo of this agent's local steps, since a later commit has replaced the one that it missed. Leaves when the undo is done, or when it fails and blocks this agent.",
      entry: [
        { type: "cancelEffects", params: {} },
        {
          type: "undoLocalSteps",
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
      ],
      on: {
        undone: { target: "superseded", actions: "noteUndone" },
        undoFailed: { target: "blocked", actions: "noteFailure" },
        effectFailed: { target: "blocked", actions: "noteFailure" },
      },
    },
    done: {
      type: "final",
      description: "This agent runs the new version with its local steps done.",
      entry: [
        {
          type: "keepVersion",
          params: ({ context: { upgradeId, to } }) => ({ upgradeId, version: to }),
        },
      ],
    },
    superseded: {
      type: "final",
      description:
        "This agent follows a later upgrade, with its files as they were before this one.",
    },
    "rolled-back": {
      type: "final",
      description: "This agent runs the old version with its local steps undone.",
      entry: [
        {
          type: "keepVersion",
          params: ({ context: { upgradeId, from } }) => ({ upgradeId, version: from }),
        },
      ],
    },
  },
});
