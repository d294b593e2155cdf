import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  initialTransition,
  transition,
} from "xstate";
import { LockstepError } from "../errors.ts";

/** A named action that a transition asks for, with its resolved parameters. */
export interface Asked {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a machine makes of one event. */
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

function assertNamed(actions: readonly ActionObject[]): readonly Asked[] {
  return actions.flatMap(({ type, params }) => {
    // A raise without delay has been processed in this very step; what is left of it is no request.
    if (type === "xstate.raise" && (params as { delay?: unknown }).delay === undefined) return [];
    if (type.startsWith("xstate.") || type === "(anonymous)") {
      throw new LockstepError(
        "machine-not-supported",
        `the machine asks for "${type}", which the engine does not run: use named actions`,
        { action: type },
      );
    }
    return [{ name: type, params: (params ?? {}) as Record<string, unknown> }];
  });
}

function outcomeOf(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  actions: readonly ActionObject[],
  taken: boolean,
): Outcome {
  if (snapshot.status === "error") throw snapshot.error;
  const { value } = snapshot;
  return {
    snapshot: JSON.stringify(machine.getPersistedSnapshot(snapshot)),
    state: typeof value === "string" ? value : JSON.stringify(value),
    status: snapshot.status,
    asked: assertNamed(actions),
    taken,
  };
}

/** The machine's first state. */
export function firstOutcome(machine: AnyStateMachine, input: unknown): Outcome {
  const [snapshot, actions] = initialTransition(machine, input as never);
  return outcomeOf(machine, snapshot, actions as readonly ActionObject[], true);
}

/** Raw JSON cannot go into `transition`: an actor that is never started revives it. */
function rehydrate(machine: AnyStateMachine, text: string): AnyMachineSnapshot {
  const actor = createActor(machine, { snapshot: JSON.parse(text), input: undefined as never });
  return actor.getSnapshot() as AnyMachineSnapshot;
}

/** What the machine makes of the event. Throws what a guard or an assign throws. */
export function nextOutcome(machine: AnyStateMachine, text: string, event: EventObject): Outcome {
  const before = rehydrate(machine, text);
  const [after, actions] = transition(machine, before, event as never);
  return outcomeOf(
    machine,
    after as AnyMachineSnapshot,
    actions as readonly ActionObject[],
    // A transition that changes neither state nor context answers with the same object.
    after !== before || actions.length > 0,
  );
}

interface NodeLike {
  readonly id: string;
  readonly states: Readonly<Record<string, NodeLike>>;
  readonly invoke: readonly unknown[];
  readonly after: readonly unknown[];
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

/** What a machine is made of: its action names, and what the engine cannot carry, by name. */
export function inspect(machine: AnyStateMachine): {
  readonly actions: readonly string[];
  readonly refused: readonly string[];
} {
  const actions = new Set<string>();
  const refused: string[] = [];
  const isAssign = (name: string) => {
    const implementation = machine.implementations.actions[name] as { type?: string } | undefined;
    return implementation?.type === "xstate.assign";
  };
  const look = (action: unknown, where: string) => {
    const name = nameOf(action);
    if (typeof action === "function") {
      if (!("type" in action && action.type === "xstate.assign")) refused.push(`${where}: ${name}`);
    } else if (!isAssign(name)) actions.add(name);
  };
  const visit = (node: NodeLike) => {
    if (node.invoke.length > 0) refused.push(`${node.id}: invoke`);
    if (node.after.length > 0) refused.push(`${node.id}: after`);
    for (const action of [...node.entry, ...node.exit]) {
      if (node.after.length === 0) look(action, node.id);
    }
    const transitions = [...node.transitions.values(), node.always ?? []].flat();
    for (const { actions: asked } of transitions) {
      for (const action of asked) look(action, node.id);
    }
    for (const child of Object.values(node.states)) visit(child);
  };
  visit(machine.root as unknown as NodeLike);
  return { actions: [...actions], refused };
}
