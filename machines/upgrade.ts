import { copyHoldersOf, holdersOf, noProgressMs, type UpgradeContext } from "./upgrade-context.ts";
import { upgradeSetup } from "./upgrade-setup.ts";
import type { ScheduleTimerParams } from "./vocabulary.ts";

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

/** The work on the copy first, and then on the live data. */
const workOf = ({ context }: { context: UpgradeContext }) => {
  const { upgrade, from, to, backup, restoreOf, growthBytes } = context;
  return { upgrade, from, to, backup, restoreOf, growthBytes, holders: holdersOf(context) };
};

/** An upgrade that is for nobody any more is not committed. */
const nobodyLeft = {
  guard: "nobodyLeft",
  target: "rolling-back",
  actions: "noteNobodyLeft",
} as const;

/**
 * The coordinator: one attempt to take the whole fleet from one version to another.
 * Driven by whoever is master; pure: what it wants done is named actions with parameters.
 */
export const upgradeMachine = upgradeSetup.createMachine({
  id: "upgrade",
  context: ({ input }) => ({
    ...input,
    ready: {},
    gatesShut: false,
    backup: null,
    copies: {},
    momentsGone: 0,
    expected: null,
    rehearsed: [],
    growthBytes: null,
    touched: false,
    voted: [],
    verified: false,
    restored: false,
    undone: [],
    debtors: [],
    excluded: [],
    reason: null,
    blockedReason: null,
    foreignWritesAccepted: false,
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
        nobodyLeft,
        { guard: "stepsDiffer", target: "rolling-back", actions: "noteDisagreement" },
        { guard: "readyWithoutSchemaSteps", target: "awaiting-peers", actions: "noteVerified" },
        { guard: "readyWithSchemaSteps", target: "backing-up" },
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
          params: ({ context: { upgrade, to } }) => ({ upgrade, to }),
        },
      ],
      always: [
        nobodyLeft,
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
          { guard: "isOfThisMoment", actions: "noteCopy" },
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
          params: workOf,
        },
      ],
      always: [nobodyLeft],
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
        "Waits until the schema steps are done on the live data, batch by fenced batch. Left by their success or failure, for a new time T when the data had changed before the first batch, an abort, or too long without a committed batch.",
      entry: [
        "noteTouched",
        schedule("noProgressMs"),
        {
          type: "migrate",
          params: workOf,
        },
      ],
      always: [nobodyLeft],
      on: {
        liveDataDiffers: [
          { guard: "anotherMomentLeft", target: "backing-up", actions: "noteMomentGone" },
          { target: "rolling-back", actions: "noteFailure" },
        ],
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
          params: ({ context: { upgrade, to, expected, backup } }) => ({
            upgrade,
            to,
            expected,
            backup,
          }),
        },
      ],
      always: [nobodyLeft, { guard: "everyoneVoted", target: "done" }],
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
          params: ({ context: { upgrade, backup, touched, copies, foreignWritesAccepted } }) => ({
            upgrade,
            backup,
            touched,
            acceptForeignWrites: foreignWritesAccepted,
            holders: copyHoldersOf(copies),
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
        retryRequested: { target: "rolling-back", actions: "noteRetry" },
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
        { type: "liftHolds", params: ({ context: { upgrade } }) => ({ upgrade }) },
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
        { type: "liftHolds", params: ({ context: { upgrade } }) => ({ upgrade }) },
      ],
    },
  },
});
