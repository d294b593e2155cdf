import type { AnyStateMachine } from "xstate";

/** One edge of a machine, from a state to another or to itself. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** The event's type, or `always` for a guard alone. */
  readonly event: string;
  readonly guard: string | null;
  /** False for an event that only notes something. */
  readonly leaves: boolean;
}

export interface ChartState {
  readonly name: string;
  readonly description: string;
  readonly final: boolean;
  /** Named actions on entry that are neither notes nor the engine's own. */
  readonly effects: readonly string[];
  /** Which deadline the entry arms, if any. */
  readonly deadline: boolean;
}

export interface Chart {
  readonly name: string;
  readonly initial: string;
  readonly states: readonly ChartState[];
  readonly edges: readonly Edge[];
  /** Events that every state takes, without leaving. */
  readonly everywhere: readonly string[];
}

interface TransitionLike {
  readonly eventType: string;
  readonly target?: readonly { readonly key: string }[] | undefined;
  readonly guard?: unknown;
}

interface NodeLike {
  readonly key: string;
  readonly type: string;
  readonly description?: string;
  readonly entry: readonly unknown[];
  readonly transitions: ReadonlyMap<string, readonly TransitionLike[]>;
  readonly always?: readonly TransitionLike[];
}

function nameOf(part: unknown): string {
  return typeof part === "string" ? part : String((part as { type?: string }).type ?? "");
}

/** The edge that a transition is when it leaves a state. Pure. */
export function edgeOf(from: string, event: string, transition: TransitionLike): Edge {
  const to = transition.target?.[0]?.key;
  return {
    from,
    to: to ?? from,
    event,
    guard: transition.guard === undefined ? null : nameOf(transition.guard),
    leaves: to !== undefined,
  };
}

const engineActions = ["scheduleTimer", "cancelTimer", "cancelEffects"];

/** The chart of a flat machine, in the order of its definition. Pure. */
export function chartOf(machine: AnyStateMachine): Chart {
  const root = machine.root as unknown as NodeLike & {
    readonly states: Readonly<Record<string, NodeLike>>;
    readonly initial: { readonly target: readonly { readonly key: string }[] };
  };
  const nodes = Object.values(root.states);
  const entries = (node: NodeLike) => node.entry.map(nameOf);
  return {
    name: root.key,
    initial: root.initial.target[0]?.key ?? "",
    states: nodes.map((node) => ({
      name: node.key,
      description: node.description ?? "",
      final: node.type === "final",
      effects: entries(node).filter(
        (name) => !engineActions.includes(name) && !name.startsWith("note"),
      ),
      deadline: entries(node).includes("scheduleTimer"),
    })),
    edges: nodes.flatMap((node) => [
      ...(node.always ?? []).map((transition) => edgeOf(node.key, "always", transition)),
      ...[...node.transitions].flatMap(([event, transitions]) =>
        transitions.map((transition) => edgeOf(node.key, event, transition)),
      ),
    ]),
    everywhere: [...root.transitions.keys()],
  };
}
