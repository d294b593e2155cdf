import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  initialTransition,
  transition,
} from "xstate";
import { LockstepError } from "../errors.ts";
import { anything, described, fields, text } from "../shape.ts";

/** A named action that a transition asks for, with its resolved parameters. */
export interface Asked {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The result of one event in a machine. */
export interface Outcome {
  /** XState's persisted snapshot as JSON text. */
  readonly snapshot: string;
  readonly state: string;
  readonly status: string;
  readonly asked: readonly Asked[];
  /** False when no state took the event. */
  readonly taken: boolean;
}

interface ActionObject {
  readonly type: string;
  readonly params?: unknown;
}

/** XState's own actions that arm and disarm a timer: a raise with a delay, also that of `after`, and a cancel. */
export const timerActions = { arm: "xstate.raise", disarm: "xstate.cancel" } as const;

function askedOf(actions: readonly ActionObject[]): readonly Asked[] {
  return actions.flatMap(({ type, params }) => {
    // XState has processed a raise without delay in this very step. It asks for nothing more.
    const isRaise = type === timerActions.arm;
    if (isRaise && (params as { delay?: unknown }).delay === undefined) return [];
    const isOfXState = type.startsWith("xstate.") && !isRaise && type !== timerActions.disarm;
    if (isOfXState || type === "(anonymous)") {
      throw new LockstepError(
        "machine-not-supported",
        `the machine asks for "${type}", which the engine does not run: use named actions`,
        { action: type },
      );
    }
    return [{ name: type, params: (params ?? {}) as Record<string, unknown> }];
  });
}

/** A state's value as text. */
function stateOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function outcomeOf(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  actions: readonly ActionObject[],
  taken: boolean,
): Outcome {
  if (snapshot.status === "error") throw snapshot.error;
  return {
    snapshot: JSON.stringify(machine.getPersistedSnapshot(snapshot)),
    state: stateOf(snapshot.value),
    status: snapshot.status,
    asked: askedOf(actions),
    taken,
  };
}

/** The machine's first state. */
export function firstOutcome(machine: AnyStateMachine, input: unknown): Outcome {
  const [snapshot, actions] = initialTransition(machine, input as never);
  return outcomeOf(machine, snapshot, actions as readonly ActionObject[], true);
}

/** Revives a snapshot with an actor that is never started: `transition` takes no raw JSON. */
export function rehydrate(machine: AnyStateMachine, text: string): AnyMachineSnapshot {
  const actor = createActor(machine, { snapshot: JSON.parse(text), input: undefined as never });
  return actor.getSnapshot() as AnyMachineSnapshot;
}

/**
 * Whether a state takes the event. A transition that enters its own state again without an action returns the same
 * snapshot, so comparing snapshots is not enough.
 */
function isTaken(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  event: EventObject,
): boolean {
  return machine
    .getTransitionData(before, event as never)
    .some(({ target, actions }) => target !== undefined || actions.length > 0);
}

/** The outcome of an event. Throws what a guard or an assign throws. */
export function nextOutcome(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  event: EventObject,
): Outcome {
  const [after, actions] = transition(machine, before, event as never);
  return outcomeOf(
    machine,
    after as AnyMachineSnapshot,
    actions as readonly ActionObject[],
    after !== before || actions.length > 0 || isTaken(machine, before, event),
  );
}

/** The first state of a value that the machine does not have, or null. */
function missingState(node: NodeLike, value: unknown): string | null {
  const has = (name: string) => Object.hasOwn(node.states, name);
  if (typeof value === "string") return has(value) ? null : value;
  for (const [name, inner] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    const isNested = typeof inner === "string" || (typeof inner === "object" && inner !== null);
    if (!has(name) || !isNested) return name;
    const missing = missingState(node.states[name] as NodeLike, inner);
    if (missing !== null) return `${name}.${missing}`;
  }
  return null;
}

const snapshotShape = fields<{ value: unknown; status: unknown; context: unknown }>({
  value: anything,
  status: text,
  context: anything,
});

function parsed(snapshot: string): unknown {
  try {
    return JSON.parse(snapshot);
  } catch {
    return undefined;
  }
}

/** The context in a persisted snapshot, or why this machine cannot go on from it. Pure. */
export function readSnapshot(
  machine: AnyStateMachine,
  entry: { readonly snapshot: string; readonly state: string; readonly status: string },
): { readonly context: unknown } | { readonly trouble: string } {
  const found = parsed(entry.snapshot);
  const wrong = snapshotShape(found, "snapshot");
  if (wrong !== null) return { trouble: wrong };
  const { value, status, context, children = {} } = found as Readonly<Record<string, unknown>>;
  const isValue = typeof value === "string" || (typeof value === "object" && value !== null);
  if (!isValue) return { trouble: `snapshot.value: expected a state, found ${described(value)}` };
  const missing = missingState(machine.root as unknown as NodeLike, value);
  if (missing !== null) {
    return { trouble: `snapshot.value: expected a state of the machine, found "${missing}"` };
  }
  const stated = [entry.state, entry.status];
  const meant = [stateOf(value), status];
  if (stated.some((word, index) => word !== meant[index])) {
    return {
      trouble: `state: expected ${meant.join(", ")} as in the snapshot, found ${stated.join(", ")}`,
    };
  }
  if (Object.keys(children ?? {}).length > 0) {
    return { trouble: "snapshot.children: expected none, found some" };
  }
  return { context };
}

/** True where any state of the machine may take an event of this type. */
export function takesEvent(machine: AnyStateMachine, type: string): boolean {
  return machine.events.some((known: string) => known === type || known.endsWith("*"));
}

interface NodeLike {
  readonly id: string;
  readonly states: Readonly<Record<string, NodeLike>>;
  readonly invoke: readonly unknown[];
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly transitions: ReadonlyMap<string, readonly { readonly actions: readonly unknown[] }[]>;
  readonly always?: readonly { readonly actions: readonly unknown[] }[];
}

function nameOf(action: unknown): string {
  if (typeof action === "string") return action;
  if (typeof action === "function") return action.name === "" ? "(anonymous)" : action.name;
  return (action as { type?: string }).type ?? "(anonymous)";
}

/** True for an action that XState carries out in the transition itself, or that arms or disarms a timer. */
function isCarriedOut(action: unknown): boolean {
  const { type } = (action ?? {}) as { readonly type?: unknown };
  return [
    ...["xstate.assign", "xstate.enqueueActions"],
    ...Object.values<unknown>(timerActions),
  ].includes(type);
}

/** The action names of a machine, and the features that the engine does not support, by name. */
export function inspect(machine: AnyStateMachine): {
  readonly actions: readonly string[];
  readonly refused: readonly string[];
} {
  const actions = new Set<string>();
  const refused: string[] = [];
  const look = (action: unknown, where: string) => {
    const name = nameOf(action);
    if (typeof action === "function") {
      if (!isCarriedOut(action)) refused.push(`${where}: ${name}`);
    } else if (!isCarriedOut(machine.implementations.actions[name])) actions.add(name);
  };
  const visit = (node: NodeLike) => {
    if (node.invoke.length > 0) refused.push(`${node.id}: invoke`);
    for (const action of [...node.entry, ...node.exit]) look(action, node.id);
    const transitions = [...node.transitions.values(), node.always ?? []].flat();
    for (const { actions: asked } of transitions) {
      for (const action of asked) look(action, node.id);
    }
    for (const child of Object.values(node.states)) visit(child);
  };
  visit(machine.root as unknown as NodeLike);
  return { actions: [...actions], refused };
}
