import type { AnyStateMachine } from "xstate";
import { eventWords } from "./words.ts";

/** One edge of a machine, from a state to another or to itself. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** The event's type, or `always` for a guard alone. XState's own events are in words, as `after 5 s`. */
  readonly event: string;
  readonly guard: string | null;
  /** False for an event that only notes something. */
  readonly leaves: boolean;
}

export interface ChartState {
  /** The path of its keys, as `paying.card`. It is the key alone in a flat machine. */
  readonly name: string;
  /** The name of the state around it, or null at the top. */
  readonly parent: string | null;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  /** The name of the state within it in which it begins, or null. */
  readonly initial: string | null;
  readonly description: string;
  /** Named actions on entry that are neither notes nor the engine's own. */
  readonly effects: readonly string[];
  /** The names of the logic that runs while it is active. */
  readonly invokes: readonly string[];
  /** Which deadline the entry arms, if any. */
  readonly deadline: boolean;
}

export interface Chart {
  readonly name: string;
  readonly initial: string;
  /** In the order of their definition: each state before the states within it. */
  readonly states: readonly ChartState[];
  readonly edges: readonly Edge[];
  /** Events that every state takes, without leaving. */
  readonly everywhere: readonly string[];
}

/** The source of the edges that lead away from every state. */
export const anyState = "*";

interface TargetLike {
  readonly key: string;
  readonly path: readonly string[];
}

interface TransitionLike {
  readonly eventType: string;
  readonly target?: readonly TargetLike[] | undefined;
  readonly guard?: unknown;
}

interface NodeLike extends TargetLike {
  readonly type: ChartState["kind"];
  readonly description?: string;
  readonly entry: readonly unknown[];
  readonly invoke: readonly { readonly id: string; readonly src: unknown }[];
  readonly states: Readonly<Record<string, NodeLike>>;
  readonly initial?: { readonly target: readonly TargetLike[] };
  readonly transitions: ReadonlyMap<string, readonly TransitionLike[]>;
  readonly always?: readonly TransitionLike[];
}

function nameOf(part: unknown): string {
  if (typeof part === "string") return part;
  if (typeof part === "function" && !("type" in part)) return part.name || "a function";
  return String((part as { type?: string }).type ?? "");
}

const pathOf = ({ path }: TargetLike) => path.join(".");

/** The edges that a transition is when it leaves a state, one for each of its targets. Pure. */
export function edgesOf(from: string, event: string, transition: TransitionLike): readonly Edge[] {
  const targets = transition.target ?? [];
  const guard = transition.guard === undefined ? null : nameOf(transition.guard);
  if (targets.length === 0) return [{ from, to: from, event, guard, leaves: false }];
  return targets.map((target) => ({ from, to: pathOf(target), event, guard, leaves: true }));
}

const engineActions = ["armDeadline", "disarmDeadline", "cancelEffects"];

/** The name of invoked logic. Logic that is written in place has XState's own name. */
function sourceOf(src: unknown): string {
  return typeof src === "string" && !src.startsWith("xstate.invoke.") ? src : "work";
}

function stateOf(node: NodeLike): ChartState {
  const entries = node.entry.map(nameOf);
  const initial = node.initial?.target[0];
  return {
    name: pathOf(node),
    parent: node.path.length > 1 ? node.path.slice(0, -1).join(".") : null,
    kind: node.type,
    initial: initial === undefined || node.type !== "compound" ? null : pathOf(initial),
    description: node.description ?? "",
    effects: entries.filter(
      (name) =>
        !engineActions.includes(name) && !name.startsWith("note") && !name.startsWith("xstate."),
    ),
    invokes: node.invoke.map(({ src }) => sourceOf(src)),
    deadline: entries.includes("armDeadline"),
  };
}

/** A state and all states within it, each before those within it. */
function nodesFrom(node: NodeLike): readonly NodeLike[] {
  return [node, ...Object.values(node.states).flatMap(nodesFrom)];
}

/** An edge with the type of its event as the machine has it. It is empty for a guard alone. */
export interface TypedEdge {
  readonly edge: Edge;
  readonly type: string;
}

function edgesFrom(node: NodeLike, from = pathOf(node)): readonly TypedEdge[] {
  const sources = new Map(node.invoke.map(({ id, src }) => [id, sourceOf(src)]));
  const transitions = [["", node.always ?? []] as const, ...node.transitions];
  return transitions.flatMap(([type, each]) =>
    each
      .flatMap((transition) => edgesOf(from, eventWords(type, sources), transition))
      .map((edge) => ({ edge, type })),
  );
}

const nodesOf = (root: NodeLike) => Object.values(root.states).flatMap(nodesFrom);

/** The edges of a machine that its chart draws. Pure. */
export function typedEdgesOf(machine: AnyStateMachine): readonly TypedEdge[] {
  const root = machine.root as unknown as NodeLike;
  const general = edgesFrom(root, anyState).filter(({ edge }) => edge.leaves);
  return [...nodesOf(root).flatMap((node) => edgesFrom(node)), ...general];
}

/** The chart of a machine, in the order of its definition. Pure. */
export function chartOf(machine: AnyStateMachine): Chart {
  const root = machine.root as unknown as NodeLike;
  const everywhere = edgesFrom(root, anyState).filter(({ edge }) => !edge.leaves);
  return {
    name: root.key,
    initial:
      root.type === "compound" && root.initial?.target[0] ? pathOf(root.initial.target[0]) : "",
    states: nodesOf(root).map(stateOf),
    edges: typedEdgesOf(machine).map(({ edge }) => edge),
    everywhere: [...new Set(everywhere.map(({ edge }) => edge.event))],
  };
}
