import type { ParticipantContext } from "../../machines/participant-context.ts";
import { forwardStates, type UpgradeContext } from "../../machines/upgrade-context.ts";
import { failure, selfName } from "./vocabulary.ts";

/** The one thing that both machines call alike and that is not the same. */
interface Undone {
  // biome-ignore lint/suspicious/noExplicitAny: a list of the coordinator's, a mark of the participant's
  readonly undone: any;
}

export type BothContexts = Omit<UpgradeContext, "undone"> &
  Omit<ParticipantContext, "undone"> &
  Undone;

const sortedRecord = <Value>(record: Readonly<Record<string, Value>>) =>
  Object.fromEntries(Object.entries(record).toSorted(([left], [right]) => (left < right ? -1 : 1)));

function plainAgent(context: BothContexts, state: string): BothContexts {
  const waits = state === "waiting" || state === "backing-up";
  const reason = context.reason === null || state === "rolling-back" ? null : failure;
  const copy = context.copy?.reason ? { digest: null, reason: failure } : context.copy;
  return {
    ...context,
    agent: selfName,
    // Once it has gone on, nobody asks for its copy or its gate any more.
    ...(waits ? { copy } : { copy: null, backup: null, gateShut: true }),
    reason: state === "rolled-back" ? null : reason,
  };
}

const isBack = (state: string) => ["rolling-back", "blocked", "rolled-back"].includes(state);

function plainCoordinator(context: BothContexts, state: string): BothContexts {
  const { touched, restored } = context;
  // Incarnations are told apart while readiness is gathered, and no longer.
  const ready = Object.entries(context.ready).map(
    ([agent, plan]) => [agent, state === "waiting" ? plan : { ...plan, incarnation: 1 }] as const,
  );
  const copies = Object.entries(context.copies).map(
    ([agent, { digest, reason: why }]) =>
      [agent, { digest, reason: why === null ? null : failure }] as const,
  );
  const restores = touched && !restored;
  const votes = state === "awaiting-peers";
  return {
    ...context,
    required: context.required.toSorted((left, right) => (left.agent < right.agent ? -1 : 1)),
    ready: isBack(state) && !touched ? {} : sortedRecord(Object.fromEntries(ready)),
    gatesShut: isBack(state) ? false : context.gatesShut,
    // The model leaves the reason of a pause out. A pause has no place any more once nothing can be paused.
    pause: context.pause === null || isBack(state) || state === "done" ? null : { why: "" },
    copies:
      state === "done" || (isBack(state) && !restores)
        ? {}
        : sortedRecord(Object.fromEntries(copies)),
    voted: votes ? context.voted.toSorted() : [],
    silent: forwardStates.includes(state) ? context.silent.toSorted() : [],
    verifying: votes && context.verifying,
    verified: votes && context.verified,
    undone: state === "rolled-back" ? [] : (context.undone as string[]).toSorted(),
    debtors: state === "rolled-back" ? [] : context.debtors.toSorted(),
    reason: context.reason === null ? null : failure,
    blockedReason: context.blockedReason === null || state !== "blocked" ? null : failure,
  };
}

/** Drops what no decision depends on any more: orders of arrival, the words of reasons, what is over. */
export function plainContext(
  context: BothContexts,
  machine: "upgrade" | "participant",
  state: string,
): BothContexts {
  return machine === "participant" ? plainAgent(context, state) : plainCoordinator(context, state);
}
