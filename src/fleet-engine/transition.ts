import type { AnyStateMachine, EventObject } from "xstate";
import { assert, cutTo, isLockstepError, LockstepError, messageOf, reasonOf } from "../errors.ts";
import type { Effect, Entry, Owner, Timer, Write } from "../journal/store.ts";
import { limits } from "../limits.ts";
import { effectFailed, isEffectFailed } from "./effects/effect-failed.ts";
import { tooLarge } from "./entry-size.ts";
import { type EventKey, effectKey, timerKey } from "./event-key.ts";
import { notReadable } from "./read/read-entry.ts";
import {
  type Asked,
  firstOutcome,
  nextOutcome,
  type Outcome,
  rehydrate,
  timerActions,
} from "./xstate-adapter.ts";

/** The actions that the engine carries out by itself. */
export const reservedActions = ["cancelEffects"] as const;

/** Control writes of a named action, joined to its entry's transaction. */
export type ActionWrites = (
  params: Readonly<Record<string, unknown>>,
  info: { readonly actor: string; readonly epoch: number; readonly at: number },
) => readonly Write[];

/** The facts about a machine that the core needs. */
export interface Definition {
  readonly machine: AnyStateMachine;
  readonly protocol: number;
  readonly writes?: Readonly<Record<string, ActionWrites>>;
}

/** The owner that appends, and the time by the store's clock. */
export interface Stamp {
  readonly epoch: number;
  readonly at: number;
  readonly eventKey?: EventKey;
  /** The build that appends. */
  readonly build?: string;
  /** The process that appends, by its agent. */
  readonly by?: string;
}

/** The next entry, and the control writes that belong to it. */
export interface Transition {
  readonly entry: Entry;
  readonly writes: readonly Write[];
}

/** The parameters of XState's raise with a delay, in milliseconds. */
interface DelayedRaise {
  readonly id?: string;
  readonly delay: number;
  readonly event: Timer["event"];
}

interface Demands {
  timers: Timer[];
  effects: Effect[];
  writes: Write[];
}

function carryOut(
  definition: Definition,
  asked: readonly Asked[],
  before: { timers: readonly Timer[]; effects: readonly Effect[] },
  where: { actor: string; revision: number } & Stamp,
): Demands {
  const demands: Demands = { timers: [...before.timers], effects: [...before.effects], writes: [] };
  asked.forEach(({ name, params }, index) => {
    const id = `${where.actor}/${where.revision}/${index}`;
    switch (name) {
      case timerActions.arm: {
        const { id: sendId, delay, event } = params as unknown as DelayedRaise;
        assert(delay >= 0, "a timer lies in the future", { id, delay });
        demands.timers.push({ id, name: sendId ?? id, event, dueAt: where.at + delay });
        break;
      }
      case timerActions.disarm: {
        // As in XState: of two timers with one id the last is disarmed.
        const at = demands.timers.findLastIndex(({ name: armed }) => armed === params["sendId"]);
        demands.timers = demands.timers.filter((_, index) => index !== at);
        break;
      }
      case "cancelEffects": {
        const { name: only } = params;
        demands.effects = demands.effects.filter(
          (effect) => only !== undefined && effect.name !== only,
        );
        break;
      }
      default: {
        const writes = definition.writes?.[name];
        if (writes) demands.writes.push(...writes(params, where));
        else demands.effects.push({ id, name, params });
      }
    }
  });
  return demands;
}

/** The build and the agent that append, where they are known. */
export function writerOf({ build, by }: Pick<Stamp, "build" | "by">): Pick<Stamp, "build" | "by"> {
  return { ...(build === undefined ? {} : { build }), ...(by === undefined ? {} : { by }) };
}

function build(
  definition: Definition,
  base: { actor: string; revision: number; machine: string; owner: Owner },
  event: Entry["event"],
  outcome: Outcome,
  before: { timers: readonly Timer[]; effects: readonly Effect[] },
  stamp: Stamp,
): Transition {
  const final = outcome.status !== "active";
  const demands = carryOut(
    definition,
    outcome.asked,
    final ? { timers: [], effects: [] } : before,
    { ...base, ...stamp },
  );
  const entry: Entry = {
    ...base,
    event,
    outcome: outcome.taken ? "applied" : "ignored",
    snapshot: outcome.snapshot,
    state: outcome.state,
    status: outcome.status,
    timers: final ? [] : demands.timers,
    effects: demands.effects,
    ...(stamp.eventKey === undefined ? {} : { eventKey: stamp.eventKey }),
    epoch: stamp.epoch,
    protocol: definition.protocol,
    ...writerOf(stamp),
    at: stamp.at,
  };
  return { entry, writes: demands.writes };
}

/**
 * Revision 0 of an actor. Pure.
 * @throws LockstepError `entry-too-large`
 */
export function firstTransition(
  definition: Definition,
  base: { actor: string; machine: string; owner: Owner },
  input: unknown,
  stamp: Stamp,
): Transition {
  const outcome = firstOutcome(definition.machine, input);
  const event = { type: "lockstep.created", input };
  const nothing = { timers: [], effects: [] };
  const step = build(definition, { ...base, revision: 0 }, event, outcome, nothing, stamp);
  const trouble = tooLarge(step.entry, 0);
  if (trouble) throw trouble;
  return step;
}

/** The timers and effects that still wait. A result ends its effect, and a timer that has fired is used up. */
function pendingAfter(tail: Entry, { eventKey }: Stamp) {
  return {
    timers: tail.timers.filter(({ id }) => timerKey(id) !== eventKey),
    effects: tail.effects.filter(({ id }) => effectKey(id) !== eventKey),
  };
}

/**
 * The entry that follows the tail when the event arrives. No entry that would be too large is made: the result of an
 * effect becomes the effect's failure, and any other event is rejected with the reason. Pure.
 * @throws LockstepError `entry-not-readable`
 */
export function nextTransition(
  definition: Definition,
  tail: Entry,
  event: EventObject,
  stamp: Stamp,
): Transition {
  assert(tail.epoch <= stamp.epoch, "the chain rule: never append on a higher epoch", {
    actor: tail.actor,
  });
  const step = stepOfAnySize(definition, tail, event, stamp);
  const isFailure = isEffectFailed(event);
  const trouble = tooLarge(step.entry, isFailure ? limits.failureReserveBytes : 0);
  if (trouble === null) return step;
  const answered = tail.effects.find(({ id }) => effectKey(id) === stamp.eventKey);
  if (answered === undefined || isFailure) return rejectedStep(tail, event, trouble, stamp);
  return nextTransition(definition, tail, effectFailed(answered.name, reasonOf(trouble)), stamp);
}

/**
 * The entry of an event that was rejected, with the reason. It consumes the event's key, and the state stays. Pure.
 */
export function rejectedStep(
  tail: Entry,
  event: EventObject,
  error: LockstepError,
  stamp: Stamp,
): Transition {
  const isTooLarge = isLockstepError(error, "entry-too-large");
  const type = cutTo(event.type, limits.eventTypeLengthMax);
  const { entry, writes } = settled(
    tail,
    isTooLarge ? { type } : event,
    stamp,
    pendingAfter(tail, stamp),
    "rejected",
  );
  return { entry: { ...entry, reason: reasonOf(error) }, writes };
}

function stepOfAnySize(
  definition: Definition,
  tail: Entry,
  event: EventObject,
  stamp: Stamp,
): Transition {
  const before = pendingAfter(tail, stamp);
  const unchanged = { snapshot: tail.snapshot, state: tail.state, status: tail.status, asked: [] };
  if (tail.status !== "active") return settled(tail, event, stamp, before, "ignored");
  const revived = revive(definition, tail);
  let outcome: Outcome;
  try {
    outcome = nextOutcome(definition.machine, revived, event);
  } catch (error) {
    if (isLockstepError(error, "machine-not-supported")) throw error;
    // A guard or an assign threw: the event is rejected.
    const thrown = isLockstepError(error)
      ? error
      : new LockstepError("unexpected", `the machine threw: ${messageOf(error)}`);
    return rejectedStep(tail, event, thrown, stamp);
  }
  const kept = outcome.taken ? outcome : { ...outcome, ...unchanged };
  return build(definition, baseAfter(tail), event, kept, before, stamp);
}

/**
 * Revives a snapshot. Where this build's machine cannot go on from it, the event is not to blame, and nothing is
 * appended.
 * @throws LockstepError `entry-not-readable`
 */
function revive(definition: Definition, tail: Entry): ReturnType<typeof rehydrate> {
  if (tail.protocol !== definition.protocol) {
    const expected = `protocol: expected ${definition.protocol}, found ${tail.protocol}`;
    throw notReadable(tail, expected);
  }
  try {
    return rehydrate(definition.machine, tail.snapshot);
  } catch (error) {
    throw notReadable(tail, `snapshot: ${messageOf(error)}`);
  }
}

function baseAfter({ actor, revision, machine, owner }: Entry) {
  return { actor, revision: revision + 1, machine, owner };
}

function settled(
  tail: Entry,
  event: Entry["event"],
  stamp: Stamp,
  before: { timers: readonly Timer[]; effects: readonly Effect[] },
  outcome: Entry["outcome"],
): Transition {
  const entry: Entry = {
    ...baseAfter(tail),
    event,
    outcome,
    snapshot: tail.snapshot,
    state: tail.state,
    status: tail.status,
    timers: before.timers,
    effects: before.effects,
    ...(stamp.eventKey === undefined ? {} : { eventKey: stamp.eventKey }),
    epoch: stamp.epoch,
    protocol: tail.protocol,
    ...writerOf(stamp),
    at: stamp.at,
  };
  return { entry, writes: [] };
}

/** A new owner's first entry. No older epoch can append after it. Pure. */
export function takeoverTransition(tail: Entry, stamp: Stamp): Transition {
  assert(tail.epoch < stamp.epoch, "a takeover raises the epoch", { actor: tail.actor });
  return settled(tail, { type: "lockstep.takeover" }, stamp, tail, "takeover");
}
