import { assign, setup } from "xstate";
import {
  anotherCopyLeft,
  anotherMomentLeft,
  copiesAgain,
  copiesAgree,
  copiesImpossible,
  everyoneSettled,
  everyoneVoted,
  foreignWrites,
  momentGone,
  readiness,
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
  peersTooLate,
  readinessTooLate,
} from "./upgrade-reasons.ts";
import type {
  CancelEffectsParams,
  CancelTimerParams,
  RestoreOf,
  ScheduleTimerParams,
} from "./vocabulary.ts";

export interface WorkParams {
  readonly upgrade: string;
  readonly from: string;
  readonly to: string;
  readonly backup: unknown;
  readonly restoreOf: RestoreOf | null;
  readonly growthBytes: number | null;
  /** Who holds what is worked on: another master leaves it to them. */
  readonly holders: readonly string[];
}

/** The actions and guards of the coordinator's states. Its effects have no implementation here. */
export const upgradeSetup = setup({
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
    liftHolds: (_, _params: { upgrade: string }) => {},
    chooseBackupTime: (_, _params: { upgrade: string; to: string }) => {},
    rehearse: (_, _params: WorkParams) => {},
    migrate: (_, _params: WorkParams) => {},
    verifyCatalogue: (
      _,
      _params: { upgrade: string; to: string; expected: string | null; backup: unknown },
    ) => {},
    restore: (
      _,
      _params: {
        upgrade: string;
        backup: unknown;
        touched: boolean;
        holders: readonly string[];
        acceptForeignWrites: boolean;
      },
    ) => {},
    noteReady: assign(({ context, event }) => {
      if (event.type !== "participantReady") return {};
      const { agent, incarnation, hash, schemaSteps, protocol } = event;
      return {
        ready: { ...context.ready, [agent]: { incarnation, hash, schemaSteps, protocol } },
      };
    }),
    noteGates: assign(({ event }) => (event.type === "gatesShut" ? { gatesShut: true } : {})),
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
      touched: false,
      momentsGone: ({ context }) => context.momentsGone + 1,
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
    noteNobodyLeft: assign({ reason: ({ context }) => nobodyLeft(context) }),
    noteDeadlineReadiness: assign({ reason: ({ context }) => readinessTooLate(context) }),
    noteDeadlineBackup: assign({ reason: ({ context }) => backupTooLate(context) }),
    noteNoProgress: assign({ reason: () => noProgress() }),
    noteDeadlinePeers: assign({ reason: ({ context }) => peersTooLate(context) }),
    /**
     * Who has read that foreign writes would be lost and still says "retry" has accepted it. A copy that was
     * lost may have been brought back, on any host: each is looked for again.
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
    /** The server can no longer read at T: not a bad copy, but a new T, a few times. */
    momentIsGone: ({ context, event }) =>
      event.type === "copyReported" &&
      event.time === context.backup?.time &&
      event.reason?.code === momentGone &&
      anotherMomentLeft(context),
    anotherMomentLeft: ({ context }) => anotherMomentLeft(context),
    /** A report may be on its way while another T is chosen: it says nothing of that one. */
    isOfThisMoment: ({ context, event }) =>
      event.type === "copyReported" && event.time === context.backup?.time,
    copiesImpossible: ({ context }) => copiesImpossible(context),
    anotherCopyLeft: ({ context, event }) =>
      event.type === "copyLost" && anotherCopyLeft(context, event.agent),
    nobodyLeft: ({ context }) => context.required.length === 0,
    everyoneVoted: ({ context }) => everyoneVoted(context),
    everyoneSettled: ({ context }) => everyoneSettled(context),
  },
});
