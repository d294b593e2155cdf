import { agentInvariants, upgradeInvariants } from "../../machines/invariants.ts";
import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { deadlineTimer, forwardStates, silenceTimer } from "../../machines/upgrade-context.ts";
import { protocol } from "../../machines/vocabulary.ts";
import { type EventKey, effectKey, timerKey } from "../../src/fleet-engine/event-key.ts";
import {
  type Definition,
  firstTransition,
  nextTransition,
  type Transition,
} from "../../src/fleet-engine/transition.ts";
import type { Entry, Write } from "../../src/journal/store.ts";
import { controlWrites } from "../../src/upgrade/coordinator/control-writes.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { createInterner } from "./interner.ts";
import { type BothContexts, plainContext } from "./plain-context.ts";
import { type Edge, edgesOf } from "./taken.ts";
import { agentNames } from "./vocabulary.ts";

type Machine = "upgrade" | "participant";

export interface PendingEffect {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The end of one actor's journal, without what only grows. */
export interface Tail {
  readonly machine: Machine;
  readonly snapshot: string;
  readonly context: BothContexts;
  readonly state: string;
  readonly final: boolean;
  readonly timers: readonly string[];
  readonly effects: readonly PendingEffect[];
}

export interface ModelEvent {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** The tail after one event, by the real step function. */
export interface Move {
  readonly to: number;
  readonly writes: readonly Write[];
  readonly broken: readonly string[];
  /** The way through the machine: the event's edge and what follows without one. */
  readonly edges: readonly Edge[];
  /** How often it was made. */
  made: number;
}

export const definitions: Readonly<Record<Machine, Definition>> = {
  upgrade: { machine: upgradeMachine, protocol, writes: controlWrites },
  participant: { machine: participantMachine, protocol },
};

const tails = createInterner<Tail>();
const events = createInterner<ModelEvent>();
const moves = new Map<string, Move>();
const rewritten = new Map<string, number>();

export const tailOf = (id: number): Tail => tails.get(id);
export const eventOf = (id: number): ModelEvent => events.get(id);
const eventIds = new WeakMap<ModelEvent, number>();

export function eventId(event: ModelEvent): number {
  const known = eventIds.get(event);
  if (known !== undefined) return known;
  const id = events.idOf(JSON.stringify(event), () => event);
  eventIds.set(event, id);
  return id;
}

/** The number of a tail, put into its plain form first. */
function internTail(tail: Omit<Tail, "context" | "final">): number {
  const { machine, state } = tail;
  const persisted = JSON.parse(tail.snapshot) as { context: Tail["context"]; status: string };
  const context = plainContext(persisted.context, machine, state);
  const snapshot = JSON.stringify({ ...persisted, context });
  // The parameters of an effect follow from the context that asked for it.
  const effects = tail.effects
    .filter(({ name }) => name !== "liftHolds")
    .map(({ name, params }) => ({
      name,
      params: name === "changeVersion" ? { version: params["version"] } : {},
    }));
  // On the way back nothing listens to the timer of a silent agent any more.
  const timers = tail.timers
    .filter((name) => name === deadlineTimer || forwardStates.includes(state))
    .toSorted();
  const final = persisted.status !== "active";
  return tails.idOf(JSON.stringify([machine, state, snapshot, timers, effects]), () => {
    return { machine, state, snapshot, context, timers, effects, final };
  });
}

const actorName = "actor";
const owner = { kind: "role", role: "model" } as const;

function entryOf(tail: Tail): Entry {
  return {
    ...{ actor: actorName, revision: 0, machine: tail.machine, owner, event: { type: "before" } },
    ...{ outcome: "applied", snapshot: tail.snapshot, state: tail.state },
    status: tail.final ? "done" : "active",
    timers: tail.timers.map((name) => ({
      ...{ id: `timer/${name}`, name, event: { type: "deadlinePassed" }, dueAt: 0 },
    })),
    effects: tail.effects.map(({ name, params }, index) => ({
      ...{ id: `effect/${index}`, name, params },
    })),
    ...{ epoch: 1, protocol, at: 0 },
  };
}

function tailFrom({ entry }: Transition): number {
  return internTail({
    machine: entry.machine as Machine,
    snapshot: entry.snapshot,
    state: entry.state,
    timers: entry.timers.map(({ name }) => name),
    effects: entry.effects,
  });
}

/** The first entry of an actor, by the real step function. */
export function create(machine: Machine, input: unknown): Move {
  const key = `${machine}+${JSON.stringify(input)}`;
  const known = moves.get(key);
  if (known) return known;
  const base = { actor: actorName, machine, owner };
  const step = firstTransition(definitions[machine], base, input, { epoch: 1, at: 0 });
  const { writes } = step;
  const move: Move = { to: tailFrom(step), writes, broken: [], edges: [], made: 0 };
  moves.set(key, move);
  return move;
}

/** The answer to a pending effect or timer of the tail, by its place or its name. */
export type Answered = { readonly effect: number } | { readonly timer: string } | null;

function keyOf(answered: Answered): EventKey | undefined {
  if (answered === null) return undefined;
  return "effect" in answered
    ? effectKey(`effect/${answered.effect}`)
    : timerKey(`timer/${answered.timer}`);
}

/** Effects that an edge without an event and without a new state asks for. */
const askedByGuards = ["changeVersion", "verifyLiveData"];

function edgesTaken(before: Tail, event: ModelEvent, { entry }: Transition): readonly Edge[] {
  if (entry.outcome !== "applied") return [];
  // An effect that was not pending before was asked for on the way.
  const asksOnTheWay = entry.effects.some(
    ({ id, name }) => askedByGuards.includes(name) && !id.startsWith("effect/"),
  );
  return edgesOf(before, event, { state: entry.state, asksOnTheWay });
}

/** The entry that follows a tail, by the real step function; remembered. */
export function move(id: number, event: number, answered: Answered): Move {
  const eventKey = keyOf(answered);
  const key = `${id}/${event}/${eventKey ?? ""}`;
  const known = moves.get(key);
  if (known) {
    known.made += 1;
    return known;
  }
  const before = tails.get(id);
  const message = events.get(event);
  const stamp = { epoch: 1, at: 0, ...(eventKey === undefined ? {} : { eventKey }) };
  const step = nextTransition(definitions[before.machine], entryOf(before), message, stamp);
  const to = tailFrom(step);
  // The invariants see what the step made, before anything of it is dropped.
  const after = { state: step.entry.state, context: contextOf<never>(step.entry) };
  const result: Move = {
    to,
    writes: step.writes,
    made: 1,
    edges: edgesTaken(before, message, step),
    broken:
      before.machine === "upgrade"
        ? upgradeInvariants(before, after)
        : agentInvariants(before, after, message.type),
  };
  moves.set(key, result);
  return result;
}

/** All moves that were made by this process. */
export function madeMoves(): Iterable<Move> {
  return moves.values();
}

function rewrite(id: number, what: string, change: (tail: Tail) => Tail): number {
  const key = `${id}/${what}`;
  const known = rewritten.get(key);
  if (known !== undefined) return known;
  const changed = change(tails.get(id));
  const persisted = JSON.parse(changed.snapshot) as object;
  const result = internTail({
    ...changed,
    snapshot: JSON.stringify({ ...persisted, context: changed.context }),
  });
  rewritten.set(key, result);
  return result;
}

/** A newer process has registered: what the participant was told by the one before is of an older one. */
export function withOlderIncarnation(id: number): number {
  return rewrite(id, "older", (tail) => ({
    ...tail,
    context: { ...tail.context, incarnation: 0 },
    // Asked for by the process before: what runs now came of it, so it is answered, whatever it was.
    effects: tail.effects.filter(({ name }) => name !== "changeVersion"),
  }));
}

/** The same for what the coordinator knows of that agent. */
export function withOlderReadiness(id: number, agent: string): number {
  return rewrite(id, `older ${agent}`, (tail) => {
    const plan = tail.context.ready[agent];
    if (plan === undefined) return tail;
    const ready = { ...tail.context.ready, [agent]: { ...plan, incarnation: 0 } };
    return { ...tail, context: { ...tail.context, ready } };
  });
}

/** A coordinator's tail with its agents' names exchanged. */
export function renamed(id: number, names: Readonly<Record<string, string>>, what: string): number {
  return rewrite(id, `renamed ${what}`, (tail) => {
    const name = (agent: string) => names[agent] ?? agent;
    const keys = <Value>(record: Readonly<Record<string, Value>>) =>
      Object.fromEntries(Object.entries(record).map(([agent, value]) => [name(agent), value]));
    const { required, ready, copies, voted, silent, undone, debtors } = tail.context;
    const timers = tail.timers.map((timer) => {
      const agent = agentNames.find((one) => timer === silenceTimer(one));
      return agent === undefined ? timer : silenceTimer(name(agent));
    });
    const context = {
      ...tail.context,
      required: required.map((one) => ({ ...one, agent: name(one.agent) })),
      ...{ ready: keys(ready), copies: keys(copies) },
      ...{
        voted: voted.map(name),
        silent: silent.map(name),
        undone: (undone as string[]).map(name),
        debtors: debtors.map(name),
      },
    };
    return { ...tail, timers, context };
  });
}

const facts = new Map<string, string>();

/** A coordinator's knowledge of one agent, as text: agents are ordered by it. */
export function knownOf(id: number, agent: string): string {
  const key = `${id}/${agent}`;
  const known = facts.get(key);
  if (known !== undefined) return known;
  const { ready, copies, voted, silent, undone, debtors } = tails.get(id).context;
  const text = JSON.stringify([
    ready[agent]?.incarnation ?? null,
    copies[agent]?.digest ?? (copies[agent] ? "lost" : null),
    ...[voted, silent, undone as string[], debtors].map((list) => list.includes(agent)),
  ]);
  facts.set(key, text);
  return text;
}
