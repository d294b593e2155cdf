import { assign, cancel, enqueueActions, setup } from "xstate";
import type { CoordinatorParams } from "./effect-params.ts";
import {
  anotherCopyLeft,
  anotherMomentLeft,
  copiesAgain,
  copiesAgree,
  copiesImpossible,
  deadlineMs,
  deadlineTimer,
  everyoneSettled,
  everyoneVoted,
  foreignWrites,
  mayCommit,
  momentGone,
  readiness,
  silenceTimer,
  type UpgradeContext,
  type UpgradeEvent,
  type UpgradeInput,
} from "./upgrade-context.ts";
import {
  backupTooLate,
  copiesDiffer,
  disagreement,
  nobodyLeft,
  noProgress,
  pausedTooLong,
  peersTooLate,
  readinessTooLate,
  silentTooLong,
} from "./upgrade-reasons.ts";
import type { CancelEffectsParams, Deadlines } from "./vocabulary.ts";

/** The actions and guards of the coordinator's states. Its effects have no implementation here. */
export const upgradeSetup = setup({
  types: {
    context: {} as UpgradeContext,
    events: {} as UpgradeEvent,
    input: {} as UpgradeInput,
  },
  actions: {
    /** Arms the one deadline of the upgrade. An earlier one no longer counts. */
    armDeadline: enqueueActions(
      ({ context, enqueue }, { deadline }: { deadline: keyof Deadlines }) => {
        enqueue.cancel(deadlineTimer);
        const delay = deadlineMs(context, deadline);
        enqueue.raise({ type: "deadlinePassed" }, { id: deadlineTimer, delay });
      },
    ),
    disarmDeadline: cancel(deadlineTimer),
    /** A required agent that has become silent has a deadline of its own, until it is heard again. */
    armSilence: enqueueActions(({ context, enqueue, event }) => {
      if (event.type !== "participantSilent") return;
      const { agent } = event;
      enqueue.cancel(silenceTimer(agent));
      const delay = context.deadlines.silentMs;
      enqueue.raise({ type: "silentTooLong", agent }, { id: silenceTimer(agent), delay });
    }),
    disarmSilence: cancel(({ event }) => silenceTimer("agent" in event ? event.agent : "")),
    cancelEffects: (_, _params: CancelEffectsParams) => {},
    /** Transaction one: the versions are in transition from here on. */
    accept: (_, _params: { upgradeId: string; from: string; to: string }) => {},
    /** Transaction two: the old version is wanted again. */
    turnBack: (_, _params: { upgradeId: string; from: string; to: string }) => {},
    /** Transaction three: the commit point. */
    commit: (_, _params: { upgradeId: string; from: string; to: string }) => {},
    /** Transaction four: the old version and data are back; absent agents owe their undo. */
    endRollBack: (
      _,
      _params: { upgradeId: string; from: string; to: string; debtors: readonly string[] },
    ) => {},
    /** Switches on again everything that was switched off for the upgrade. */
    liftHolds: (_, _params: CoordinatorParams["liftHolds"]) => {},
    chooseBackupTime: (_, _params: CoordinatorParams["chooseBackupTime"]) => {},
    rehearse: (_, _params: CoordinatorParams["rehearse"]) => {},
    migrate: (_, _params: CoordinatorParams["migrate"]) => {},
    /** Keeps up what holds off everybody else while the upgrade is paused. It goes on until it is cancelled. */
    keepHolds: (_, _params: CoordinatorParams["keepHolds"]) => {},
    verifyLiveData: (_, _params: CoordinatorParams["verifyLiveData"]) => {},
    restore: (_, _params: CoordinatorParams["restore"]) => {},
    noteReady: assign(({ context, event }) => {
      if (event.type !== "participantReady") return {};
      const { agent, incarnation, hash, steps, schemaSteps, protocol } = event;
      const plan = { incarnation, hash, ...(steps && { steps }), schemaSteps, protocol };
      return { ready: { ...context.ready, [agent]: plan } };
    }),
    noteGates: assign(({ event }) => (event.type === "gatesShut" ? { gatesShut: true } : {})),
    noteDisagreement: assign({ reason: ({ context }) => disagreement(context) }),
    noteBackup: assign(({ event }) =>
      event.type === "backupTimeChosen"
        ? { backup: event.backup, ...(event.earlyWrites && { earlyWrites: event.earlyWrites }) }
        : {},
    ),
    noteCopy: assign(({ context, event }) => {
      if (event.type !== "copyReported") return {};
      const { agent, digest, reason } = event;
      return { copies: { ...context.copies, [agent]: { digest, reason } } };
    }),
    noteMomentGone: assign({
      backup: null,
      copies: {},
      touched: false,
      momentsGone: ({ context }) => context.momentsGone + 1,
      differed: ({ event }) => (event.type === "liveDataDiffers" ? event.reason : null),
    }),
    noteCopiesImpossible: assign({ reason: ({ context }) => copiesDiffer(context) }),
    noteRehearsed: assign(({ event }) =>
      event.type === "rehearsalPassed"
        ? {
            expected: event.expected,
            rehearsed: event.figures,
            growthBytes: event.growthBytes,
          }
        : {},
    ),
    noteTouched: assign({ touched: true }),
    notePause: assign(({ event }) =>
      event.type === "pauseRequested" ? { pause: { why: event.why } } : {},
    ),
    noteNoPause: assign({ pause: null }),
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
    noteSilent: assign(({ context, event }) =>
      event.type === "participantSilent" && !context.silent.includes(event.agent)
        ? { silent: [...context.silent, event.agent] }
        : {},
    ),
    noteHeard: assign(({ context, event }) =>
      "agent" in event ? { silent: context.silent.filter((agent) => agent !== event.agent) } : {},
    ),
    noteVerifying: assign({ verifying: true }),
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
    noteRestored: assign(({ event }) => ({
      ...{ restored: true, blockedReason: null },
      ...(event.type === "dataRestored" && {
        ...(event.saved && { saved: event.saved }),
        ...(event.earlyWrites && { earlyWrites: event.earlyWrites }),
      }),
    })),
    noteForgotten: assign(({ context, event }) => {
      if (event.type !== "agentForgotten") return {};
      return {
        required: context.required.filter(({ agent }) => agent !== event.agent),
        excluded: [...context.excluded, event.agent],
        debtors: context.debtors.filter((agent) => agent !== event.agent),
        silent: context.silent.filter((agent) => agent !== event.agent),
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
    noteNobodyLeft: assign({ reason: ({ context }) => nobodyLeft(context) }),
    noteDeadlineReadiness: assign({ reason: ({ context }) => readinessTooLate(context) }),
    noteDeadlineBackup: assign({ reason: ({ context }) => backupTooLate(context) }),
    noteNoProgress: assign({ reason: () => noProgress() }),
    notePausedTooLong: assign({ reason: ({ context }) => pausedTooLong(context) }),
    noteSilentTooLong: assign(({ context, event }) =>
      event.type === "silentTooLong" ? { reason: silentTooLong(context, event.agent) } : {},
    ),
    noteDeadlinePeers: assign({ reason: ({ context }) => peersTooLate(context) }),
    /**
     * An operator who retries an upgrade that was blocked for foreign writes accepts that they are lost. A lost copy may
     * be back on any host, so each host is asked again.
     */
    noteRetry: assign(({ context }) => ({
      foreignWritesAccepted:
        context.foreignWritesAccepted || context.blockedReason?.code === foreignWrites,
      copies: copiesAgain(context),
    })),
    noteBlocked: assign(({ event }) => ("reason" in event ? { blockedReason: event.reason } : {})),
  },
  guards: {
    readyWithSchemaSteps: ({ context }) => readiness(context) === "ready",
    readyWithoutSchemaSteps: ({ context }) => readiness(context) === "ready-without-schema-steps",
    stepsDiffer: ({ context }) => readiness(context) === "differ",
    copiesAgree: ({ context }) => copiesAgree(context),
    /** True where the server can no longer read at T. The copy is not bad, and a new T is tried a few times. */
    momentIsGone: ({ context, event }) =>
      event.type === "copyReported" &&
      event.time === context.backup?.time &&
      event.reason?.code === momentGone &&
      anotherMomentLeft(context),
    anotherMomentLeft: ({ context }) => anotherMomentLeft(context),
    /** True for a report on the current T. An earlier report may arrive while another T is chosen. */
    isOfThisMoment: ({ context, event }) =>
      event.type === "copyReported" && event.time === context.backup?.time,
    copiesImpossible: ({ context }) => copiesImpossible(context),
    anotherCopyLeft: ({ context, event }) =>
      event.type === "copyLost" && anotherCopyLeft(context, event.agent),
    pauseAsked: ({ context }) => context.pause !== null,
    nobodyLeft: ({ context }) => context.required.length === 0,
    mayCommit: ({ context }) => mayCommit(context),
    mustVerify: ({ context }) => everyoneVoted(context) && !context.verifying && !context.verified,
    everyoneSettled: ({ context }) => everyoneSettled(context),
  },
});
