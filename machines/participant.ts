import { assign, setup } from "xstate";
import type { AgentEvent, ParticipantContext, ParticipantInput } from "./participant-context.ts";
import type { CancelEffectsParams } from "./vocabulary.ts";

/**
 * The participant: one agent's part in one upgrade, driven by that agent alone.
 * It decides nothing: its failures are reports, and the coordinator's decision moves it.
 */
export const participantMachine = setup({
  types: {
    context: {} as ParticipantContext,
    events: {} as AgentEvent,
    input: {} as ParticipantInput,
  },
  actions: {
    cancelEffects: (_, _params: CancelEffectsParams) => {},
    shutGate: (_, _params: { agent: string }) => {},
    changeVersion: (_, _params: { version: string }) => {},
    dumpCopy: (_, _params: { upgrade: string; from: string; backup: unknown }) => {},
    runLocalSteps: (_, _params: { upgrade: string; from: string; to: string }) => {},
    undoLocalSteps: (_, _params: { upgrade: string; from: string; to: string }) => {},
    /** The version stays: it becomes the launcher's default and before-images may go. */
    keepVersion: (_, _params: { upgrade: string; version: string }) => {},
    noteStarted: assign(({ context, event }) => {
      if (event.type !== "started") return {};
      const { version, incarnation, hash, schemaSteps, protocol, cannotStart } = event;
      return {
        running: version,
        incarnation,
        plan: { hash, schemaSteps, protocol },
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
    /** The launcher could not start the old version either. */
    cannotGoBack: ({ context, event }) =>
      event.type === "started" && event.cannotStart !== null && event.version !== context.from,
  },
}).createMachine({
  id: "agent",
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
        "Drains, shuts its gate and comes back on the new version; then waits for the coordinator. Left by its call for copies or local steps, by its commit, or by its turning back.",
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
        "A state server dumps its own member at the time T and reports the digest; then waits for the coordinator. Left by its call for local steps, by its commit, or by its turning back.",
      entry: [
        {
          type: "dumpCopy",
          params: ({ context: { upgrade, from, backup } }) => ({ upgrade, from, backup }),
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
        "Runs its local steps. Left by their end, by the coordinator's turning back; after the commit a failure blocks this agent alone.",
      entry: [
        {
          type: "runLocalSteps",
          params: ({ context: { upgrade, from, to } }) => ({ upgrade, from, to }),
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
        localStepsDone: [{ guard: "isLate", target: "done" }, { target: "awaiting-peers" }],
        localStepFailed: { actions: "noteFailure" },
        effectFailed: { actions: "noteFailure" },
        committed: { actions: "noteLate" },
        turnBackAsked: { guard: "isNotLate", target: "rolling-back" },
      },
    },
    "awaiting-peers": {
      description:
        "Has voted and waits for the coordinator's decision alone. Left by its commit or its turning back.",
      on: {
        committed: { target: "done" },
        turnBackAsked: { target: "rolling-back" },
      },
    },
    "rolling-back": {
      description:
        "Undoes its local steps and comes back on the old version. Left when both are done; an undo that fails blocks this agent.",
      entry: [
        { type: "cancelEffects", params: {} },
        "noteTurnedBack",
        { type: "shutGate", params: ({ context: { agent } }) => ({ agent }) },
        {
          type: "undoLocalSteps",
          params: ({ context: { upgrade, from, to } }) => ({ upgrade, from, to }),
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
        "Waits for an operator: this agent cannot go on by itself, its gate stays shut. Left by retry, in the same direction.",
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
        "Was stuck on its way to a commit that a later one has replaced: undoes its local steps, so that it follows from where its files were. Left when that is done; an undo that fails blocks this agent.",
      entry: [
        { type: "cancelEffects", params: {} },
        {
          type: "undoLocalSteps",
          params: ({ context: { upgrade, from, to } }) => ({ upgrade, from, to }),
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
          params: ({ context: { upgrade, to } }) => ({ upgrade, version: to }),
        },
      ],
    },
    superseded: {
      type: "final",
      description: "This agent follows a later upgrade instead, from where its files were.",
    },
    "rolled-back": {
      type: "final",
      description: "This agent runs the old version with its local steps undone.",
      entry: [
        {
          type: "keepVersion",
          params: ({ context: { upgrade, from } }) => ({ upgrade, version: from }),
        },
      ],
    },
  },
});
