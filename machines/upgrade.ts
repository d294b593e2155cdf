import { copyHoldersOf, holdersOf, type UpgradeContext } from "./upgrade-context.ts";
import { upgradeSetup } from "./upgrade-setup.ts";
import type { Deadlines } from "./vocabulary.ts";

const arm = (deadline: keyof Deadlines) => ({ type: "armDeadline", params: { deadline } }) as const;

/** Work is done on the copy first, and then on the live data. */
const workOf = ({ context }: { context: UpgradeContext }) => {
  const { upgradeId, from, to, backup, restoreOf, growthBytes } = context;
  return { upgradeId, from, to, backup, restoreOf, growthBytes, holders: holdersOf(context) };
};

const silence = {
  participantSilent: { actions: ["noteSilent", "armSilence"] },
  participantHeard: { actions: ["noteHeard", "disarmSilence"] },
  silentTooLong: { target: "rolling-back", actions: "noteSilentTooLong" },
} as const;

/** A pause may be asked for before it can begin, and is withdrawn by its resumption. */
const pausing = {
  pauseRequested: { actions: "notePause" },
  resumeRequested: { actions: "noteNoPause" },
} as const;

/** An upgrade without a required agent turns back. */
const nobodyLeft = {
  guard: "nobodyLeft",
  target: "rolling-back",
  actions: "noteNobodyLeft",
} as const;

/**
 * The coordinator is one attempt to take the whole fleet from one version to another. The master drives it. It is pure:
 * it asks for effects as named actions with parameters.
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
    differed: null,
    expected: null,
    rehearsed: [],
    growthBytes: null,
    touched: false,
    pause: null,
    voted: [],
    silent: [],
    verifying: false,
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
  on: { agentForgotten: { actions: ["noteForgotten", "disarmSilence"] } },
  states: {
    waiting: {
      description:
        "Waits for every required agent to be ready on the new version with the same steps, and for every gate to be shut. Leaves when that is so, an agent fails, disagrees or is silent for too long, an operator aborts, or the deadline passes.",
      entry: [
        {
          type: "accept",
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
        arm("waitingMs"),
      ],
      always: [
        nobodyLeft,
        { guard: "stepsDiffer", target: "rolling-back", actions: "noteDisagreement" },
        {
          // There is nothing to pause between.
          guard: "readyWithoutSchemaSteps",
          target: "awaiting-peers",
          actions: ["noteVerified", "noteNoPause"],
        },
        { guard: "readyWithSchemaSteps", target: "backing-up" },
      ],
      on: {
        participantReady: { actions: "noteReady" },
        gatesShut: { actions: "noteGates" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        ...silence,
        ...pausing,
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlineReadiness" },
      },
    },
    "backing-up": {
      description:
        "Waits for earlier operations to end, for the time T, and for equal verified copies on the state servers. Leaves when the copies agree, something fails, an agent is silent for too long, an operator aborts, or the deadline passes.",
      entry: [
        arm("backingUpMs"),
        {
          type: "chooseBackupTime",
          params: ({ context: { upgradeId, to } }) => ({ upgradeId, to }),
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
        ...silence,
        ...pausing,
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlineBackup" },
      },
    },
    rehearsing: {
      description:
        "Waits for the schema steps to pass on a restored copy. Leaves when they pass or fail, an agent is silent for too long, an operator aborts, or the deadline passes.",
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
        ...silence,
        ...pausing,
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlineBackup" },
      },
    },
    migrating: {
      description:
        "Waits for the schema steps on the live data, batch by fenced batch. Leaves when they end or fail, they have stopped for a pause, the data had changed before the first batch (for a new time T), an agent is silent for too long, an operator aborts, or no batch is committed for too long.",
      entry: [
        "noteTouched",
        arm("noProgressMs"),
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
        progressSeen: { actions: arm("noProgressMs") },
        // Once a pause is asked for, nothing goes forward before it is resumed.
        migrationDone: [{ guard: "pauseAsked", target: "paused" }, { target: "awaiting-peers" }],
        // The steps may have stopped just before the pause was withdrawn.
        migrationPaused: [
          { guard: "pauseAsked", target: "paused" },
          { target: "migrating", reenter: true },
        ],
        migrationFailed: { target: "rolling-back", actions: "noteFailure" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        ...silence,
        ...pausing,
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteNoProgress" },
      },
    },
    paused: {
      description:
        "Waits for an operator to resume it, between two batches of the schema steps, with all gates shut. Leaves when an operator resumes or aborts it, somebody else writes, a disk fills, an agent fails or is silent for too long, or the deadline passes.",
      entry: [
        arm("pausedMs"),
        {
          type: "keepHolds",
          params: ({ context: { upgradeId, to, backup } }) => ({ upgradeId, to, backup }),
        },
      ],
      always: [nobodyLeft],
      on: {
        resumeRequested: {
          target: "migrating",
          actions: ["noteNoPause", { type: "cancelEffects", params: { name: "keepHolds" } }],
        },
        migrationFailed: { target: "rolling-back", actions: "noteFailure" },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        ...silence,
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "notePausedTooLong" },
      },
    },
    "awaiting-peers": {
      description:
        "Waits for every required agent to run its local steps and its readiness check and to vote, and then for a last look at the live data. Leaves when the upgrade commits, something fails, an agent is silent for too long, an operator aborts, or the deadline passes.",
      entry: [arm("peersMs")],
      always: [
        nobodyLeft,
        { guard: "mayCommit", target: "done" },
        {
          // A readiness check that wrote is found by the look that follows it.
          guard: "mustVerify",
          actions: [
            "noteVerifying",
            {
              type: "verifyLiveData",
              params: ({ context: { upgradeId, to, expected, backup } }) => ({
                upgradeId,
                to,
                expected,
                backup,
              }),
            },
          ],
        },
      ],
      on: {
        liveDataVerified: { actions: "noteVerified" },
        participantVoted: { actions: ["noteVoted", "noteHeard", "disarmSilence"] },
        participantFailed: { target: "rolling-back", actions: "noteFailure" },
        effectFailed: { target: "rolling-back", actions: "noteFailure" },
        ...silence,
        abortRequested: { target: "rolling-back", actions: "noteFailure" },
        deadlinePassed: { target: "rolling-back", actions: "noteDeadlinePeers" },
      },
    },
    "rolling-back": {
      description:
        "Waits for the data to equal the backup again, and for every required agent that is present to undo its part. Leaves when both are done, or when a restore fails for good.",
      entry: [
        { type: "cancelEffects", params: {} },
        {
          type: "turnBack",
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
        arm("rollingBackMs"),
        {
          type: "restore",
          params: ({ context: { upgradeId, backup, touched, copies, foreignWritesAccepted } }) => ({
            upgradeId,
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
        "Waits for an operator with the slot taken and all gates shut, since the way back could not be finished. Leaves when the operator retries, in the same direction.",
      entry: ["disarmDeadline"],
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
          params: ({ context: { upgradeId, from, to } }) => ({ upgradeId, from, to }),
        },
        { type: "liftHolds", params: ({ context: { upgradeId } }) => ({ upgradeId }) },
      ],
    },
    "rolled-back": {
      type: "final",
      description:
        "Every agent is back on the old version and data. An agent that was absent owes its undo.",
      entry: [
        {
          type: "endRollBack",
          params: ({ context: { upgradeId, from, to, debtors } }) => ({
            upgradeId,
            from,
            to,
            debtors,
          }),
        },
        { type: "liftHolds", params: ({ context: { upgradeId } }) => ({ upgradeId }) },
      ],
    },
  },
});
