import { assign, setup } from "xstate";
import {
  anotherCopyLeft,
  copiesAgree,
  copiesImpossible,
  everyoneSettled,
  everyoneVoted,
  momentGone,
  momentsMax,
  noProgressMs,
  readiness,
  type UpgradeContext,
  type UpgradeEvent,
  type UpgradeInput,
} from "./upgrade-context.ts";
import {
  backupTooLate,
  copiesDiffer,
  disagreement,
  noProgress,
  peersTooLate,
  readinessTooLate,
} from "./upgrade-reasons.ts";
import type { CancelEffectsParams, CancelTimerParams, ScheduleTimerParams } from "./vocabulary.ts";

const schedule = (
  deadline: keyof UpgradeContext["deadlines"],
): {
  type: "scheduleTimer";
  params: (args: { context: UpgradeContext }) => ScheduleTimerParams;
} => ({
  type: "scheduleTimer",
  params: ({ context }) => ({
    name: "deadline",
    afterMs: deadline === "noProgressMs" ? noProgressMs(context) : context.deadlines[deadline],
    event: { type: "deadlinePassed" },
  }),
});

/**
 * The coordinator: one attempt to take the whole fleet from one version to another.
 * Driven by whoever is master; pure: what it wants done is named actions with parameters.
 */
export const upgradeMachine = setup({
  types: {
    context: {} as UpgradeContext,
    events: {} as UpgradeEvent,
    input: {} as UpgradeInput,
  },
  actions: {
    scheduleTimer: (_, _params: ScheduleTimerParams) => {},
    cancelTimer: (_, _params: CancelTimerParams) => {},
    cancelEffects: (_, _params: CancelEffectsParams) => {},
    /** Transaction one: the versions are in transition from here on. */
    accept: (_, _params: { upgrade: string; from: string; to: string }) => {},
    /** Transaction two: the fleet should run the old version again. */
    turnBack: (_, _params: { upgrade: string; from: string; to: string }) => {},
    /** Transaction three: the commit point. */
    commit: (_, _params: { upgrade: string; from: string; to: string }) => {},
    /** Transaction four: the old version and data are back; absent agents owe their undo. */
    endRollBack: (
      _,
      _params: { upgrade: string; from: string; to: string; debtors: readonly string[] },
    ) => {},
    /** What was switched off for the time of the upgrade goes on again. */
    resumeDeletions: (_, _params: { upgrade: string }) => {},
    chooseBackupTime: (_, _params: { upgrade: string }) => {},
    rehearse: (_, _params: { upgrade: string; from: string; to: string; backup: unknown }) => {},
    migrate: (_, _params: { upgrade: string; from: string; to: string; backup: unknown }) => {},
    verifyCatalogue: (_, _params: { upgrade: string; expected: unknown }) => {},
    restore: (
      _,
      _params: { upgrade: string; backup: unknown; touched: boolean; copies: readonly string[] },
    ) => {},
    noteReady: assign(({ context, event }) => {
      if (event.type !== "participantReady") return {};
      const { agent, incarnation, hash, schemaSteps, protocol } = event;
      return {
        ready: { ...context.ready, [agent]: { incarnation, hash, schemaSteps, protocol } },
      };
    }),
    noteGates: assign(({ event }) => (event.type === "gatesShut" ? { gatesShut: true } : {})),
    noteAgreement: assign(({ context }) => ({
      schemaSteps: Object.values(context.ready)[0]?.schemaSteps ?? 0,
    })),
    noteDisagreement: assign({ reason: ({ context }) => disagreement(context) }),
    noteBackup: assign(({ event }) =>
      event.type === "backupTimeChosen" ? { backup: event.backup } : {},
    ),
    noteCopy: assign(({ context, event }) => {
      if (event.type !== "copyReported") return {};
      const { agent, digest, reason } = event;
      return { copies: { ...context.copies, [agent]: { digest, reason } } };
    }),
    noteMomentGone: assign({
      backup: null,
      copies: {},
      momentsGone: ({ context }) => context.momentsGone + 1,
    }),
    noteCopiesImpossible: assign({ reason: ({ context }) => copiesDiffer(context) }),
    noteRehearsed: assign(({ event }) =>
      event.type === "rehearsalPassed"
        ? { expected: event.expected, rehearsed: event.figures }
        : {},
    ),
    noteTouched: assign({ touched: true }),
    noteCopyLost: assign(({ context, event }) =>
      event.type === "copyLost"
        ? {
            copies: { ...context.copies, [event.agent]: { digest: null, reason: event.reason } },
          }
        : {},
    ),
    noteVoted: assign(({ context, event }) =>
      event.type === "participantVoted" && !context.voted.includes(event.agent)
        ? { voted: [...context.voted, event.agent] }
        : {},
    ),
    noteVerified: assign({ verified: true }),
    noteUndone: assign(({ context, event }) =>
      event.type === "participantUndone" && !context.undone.includes(event.agent)
        ? {
            undone: [...context.undone, event.agent],
            debtors: context.debtors.filter((agent) => agent !== event.agent),
          }
        : {},
    ),
    noteAbsent: assign(({ context, event }) =>
      event.type === "participantAbsent" &&
      !context.debtors.includes(event.agent) &&
      !context.undone.includes(event.agent)
        ? { debtors: [...context.debtors, event.agent] }
        : {},
    ),
    noteAllAbsent: assign({
      debtors: ({ context }) =>
        context.required
          .map(({ agent }) => agent)
          .filter((agent) => !context.undone.includes(agent)),
    }),
    noteRestored: assign({ restored: true, blockedReason: null }),
    noteForgotten: assign(({ context, event }) => {
      if (event.type !== "agentForgotten") return {};
      return {
        required: context.required.filter(({ agent }) => agent !== event.agent),
        excluded: [...context.excluded, event.agent],
        debtors: context.debtors.filter((agent) => agent !== event.agent),
      };
    }),
    noteFailure: assign(({ event }) => {
      if (event.type === "participantFailed") {
        const { agent, reason } = event;
        return { reason: { ...reason, details: { ...reason.details, agent } } };
      }
      if (event.type === "abortRequested") {
        const message = `aborted by an operator: ${event.why}`;
        return { reason: { code: "aborted", message, details: {} } };
      }
      return "reason" in event ? { reason: event.reason } : {};
    }),
    noteDeadlineReadiness: assign({ reason: ({ context }) => readinessTooLate(context) }),
    noteDeadlineBackup: assign({ reason: ({ context }) => backupTooLate(context) }),
    noteNoProgress: assign({ reason: () => noProgress() }),
    noteDeadlinePeers: assign({ reason: ({ context }) => peersTooLate(context) }),
    noteBlocked: assign(({ event }) => ("reason" in event ? { blockedReason: event.reason } : {})),
  },
  guards: {
    readyWithSchemaSteps: ({ context }) => readiness(context) === "ready",
    readyWithoutSchemaSteps: ({ context }) => readiness(context) === "ready-without-schema-steps",
    stepsDiffer: ({ context }) => readiness(context) === "differ",
    copiesAgree: ({ context }) => copiesAgree(context),
    /** The server can no longer read at T: not a bad copy, but a new T, a few times. */
    momentIsGone: ({ context, event }) =>
      event.type === "copyReported" &&
      event.reason?.code === momentGone &&
      context.momentsGone < momentsMax - 1,
    copiesImpossible: ({ context }) => copiesImpossible(context),
    anotherCopyLeft: ({ context, event }) =>
      event.type === "copyLost" && anotherCopyLeft(context, event.agent),
    everyoneVoted: ({ context }) => everyoneVoted(context),
    everyoneSettled: ({ context }) => everyoneSettled(context),
  },
}).createMachine({
  id: "upgrade",
  context: ({ input }) => ({
    ...input,
    ready: {},
    gatesShut: false,
    schemaSteps: 0,
    backup: null,
    copies: {},
    momentsGone: 0,
    expected: null,
    rehearsed: [],
    touched: false,
    voted: [],
    verified: false,
    restored: false,
    undone: [],
    debtors: [],
    excluded: [],
    reason: null,
    blockedReason: null,
  }),
  initial: "waiting",
  on: { agentForgotten: { actions: "noteForgotten" } },
  states: {
    waiting: {
      description:
        "Waits until every required agent is ready on the new version with the same steps and no gate is open. Left by readiness, a disagreement, a failure, an abort or the deadline.",
      entry: [
        {
          type: "accept",
          params: ({ context: { upgrade, from, to } }) => ({ upgrade, from, to }),
        },
        schedule("waitingMs"),
      ],
      always: [
        { guard: "stepsDiffer", target: "rolling-back", actions: "noteDisagreement" },
        {
          guard: "readyWithoutSchemaSteps",
          target: "awaiting-peers",
          actions: ["noteAgreement", "noteVerified"],
        },
        { guard: "readyWithSchemaSteps", target: "backing-up", actions: "noteAgreement" },
      ],
      on: {
        participantReady: { actions: "noteReady" },
        gatesShut: { actions: "noteGates" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlineReadiness" },
      },
    },
    "backing-up": {
      description:
        "Waits until earlier operations have ended, the time T is chosen, and the state servers hold equal verified copies. Left by agreement, a failure, an abort or the deadline.",
      entry: [
        schedule("backingUpMs"),
        {
          type: "chooseBackupTime",
          params: ({ context: { upgrade } }) => ({ upgrade }),
        },
      ],
      always: [
        { guard: "copiesImpossible", target: "rolling-back", actions: "noteCopiesImpossible" },
        { guard: "copiesAgree", target: "rehearsing" },
      ],
      on: {
        backupTimeChosen: { actions: "noteBackup" },
        copyReported: [
          {
            guard: "momentIsGone",
            target: "backing-up",
            reenter: true,
            actions: "noteMomentGone",
          },
          { actions: "noteCopy" },
        ],
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlineBackup" },
      },
    },
    rehearsing: {
      description:
        "Waits until the schema steps have passed on a restored copy. Left by their success or failure, an abort or the deadline.",
      entry: [
        {
          type: "rehearse",
          params: ({ context: { upgrade, from, to, backup } }) => ({ upgrade, from, to, backup }),
        },
      ],
      on: {
        rehearsalPassed: { target: "migrating", actions: "noteRehearsed" },
        rehearsalFailed: { target: "rolling-back", actions: "noteFailure" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlineBackup" },
      },
    },
    migrating: {
      description:
        "Waits until the schema steps are done on the live data, batch by fenced batch. Left by their success or failure, an abort, or too long without a committed batch.",
      entry: [
        "noteTouched",
        schedule("noProgressMs"),
        {
          type: "migrate",
          params: ({ context: { upgrade, from, to, backup } }) => ({ upgrade, from, to, backup }),
        },
      ],
      on: {
        progressSeen: { actions: schedule("noProgressMs") },
        migrationDone: { target: "awaiting-peers" },
        migrationFailed: { target: "rolling-back", actions: "noteFailure" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteNoProgress" },
      },
    },
    "awaiting-peers": {
      description:
        "Waits until every required agent has run its local steps and voted, and the catalogue is verified again. Left by the commit, a failure, an abort or the deadline.",
      entry: [
        schedule("peersMs"),
        {
          type: "verifyCatalogue",
          params: ({ context: { upgrade, expected } }) => ({ upgrade, expected }),
        },
      ],
      always: [{ guard: "everyoneVoted", target: "done" }],
      on: {
        catalogueVerified: { actions: "noteVerified" },
        participantVoted: { actions: "noteVoted" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlinePeers" },
      },
    },
    "rolling-back": {
      description:
        "Waits until the data equals the backup again and every required agent that is there has undone its part. Left by that alone; a restore that fails for good blocks.",
      entry: [
        { type: "cancelEffects", params: {} },
        {
          type: "turnBack",
          params: ({ context: { upgrade, from, to } }) => ({ upgrade, from, to }),
        },
        schedule("rollingBackMs"),
        {
          type: "restore",
          params: ({ context: { upgrade, backup, touched, copies } }) => ({
            upgrade,
            backup,
            touched,
            copies: Object.keys(copies).filter((agent) => copies[agent]?.digest),
          }),
        },
      ],
      always: [{ guard: "everyoneSettled", target: "rolled-back" }],
      on: {
        dataRestored: { actions: "noteRestored" },
        participantUndone: { actions: "noteUndone" },
        participantAbsent: { actions: "noteAbsent" },
        deadlinePassed: { actions: "noteAllAbsent" },
        copyLost: [
          {
            guard: "anotherCopyLeft",
            target: "rolling-back",
            reenter: true,
            actions: "noteCopyLost",
          },
          { target: "blocked", actions: "noteBlocked" },
        ],
        restoreFailed: { target: "blocked", actions: "noteBlocked" },
        effectFailed: { target: "blocked", actions: "noteBlocked" },
      },
    },
    blocked: {
      description:
        "Waits for an operator: the way back could not be finished. The slot stays taken, all gates stay shut. Left by retry, in the same direction.",
      entry: [{ type: "cancelTimer", params: { name: "deadline" } }],
      on: {
        participantUndone: { actions: "noteUndone" },
        participantAbsent: { actions: "noteAbsent" },
        retryRequested: { target: "rolling-back" },
      },
    },
    done: {
      type: "final",
      description: "Everybody is on the new version and schema. No way leads back.",
      entry: [
        {
          type: "commit",
          params: ({ context: { upgrade, from, to } }) => ({ upgrade, from, to }),
        },
        { type: "resumeDeletions", params: ({ context: { upgrade } }) => ({ upgrade }) },
      ],
    },
    "rolled-back": {
      type: "final",
      description: "Everybody is back on the old version and data; who was absent owes its undo.",
      entry: [
        {
          type: "endRollBack",
          params: ({ context: { upgrade, from, to, debtors } }) => ({ upgrade, from, to, debtors }),
        },
        { type: "resumeDeletions", params: ({ context: { upgrade } }) => ({ upgrade }) },
      ],
    },
  },
});
