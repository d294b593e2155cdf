import type { AnyStateMachine } from "xstate";
import { stateOfId } from "./xstate-internals.ts";

interface ActiveNode {
  readonly id: string;
  readonly type: string;
  readonly parent: ActiveNode | undefined;
  readonly tags: readonly string[];
}

interface WithNodes {
  readonly value: unknown;
  readonly _nodes: readonly ActiveNode[];
}

interface WithHistory extends WithNodes {
  readonly historyValue: Readonly<Record<string, readonly { readonly id: string }[]>>;
}

/** One leaf with everything above it: its order says nothing. */
function isChain(nodes: readonly ActiveNode[]): boolean {
  const leaves = nodes.filter(({ type }) => type === "atomic" || type === "final");
  if (leaves.length !== 1 || nodes.some(({ type }) => type === "parallel")) return false;
  const chain = new Set<ActiveNode>();
  for (let node = leaves[0]; node !== undefined; node = node.parent) chain.add(node);
  return chain.size === nodes.length && nodes.every((node) => chain.has(node));
}

/**
 * The ids of a snapshot's active states where their value alone does not give them back. XState lets the regions of a
 * parallel state act in the order in which they were entered, and it can leave a chart in states that exclude each
 * other.
 */
export function activeNodesOf(
  machine: AnyStateMachine,
  snapshot: unknown,
): readonly string[] | undefined {
  const { value, _nodes: nodes } = snapshot as WithNodes;
  if (nodes === undefined || isChain(nodes)) return undefined;
  const given = givenBy(machine, value);
  const isGiven = given.length === nodes.length && nodes.every((node, at) => node === given[at]);
  return isGiven ? undefined : nodes.map(({ id }) => id);
}

function givenBy(machine: AnyStateMachine, value: unknown): readonly ActiveNode[] {
  try {
    const resolved: unknown = machine.resolveState({ value, context: {} } as never);
    return (resolved as WithNodes)._nodes;
  } catch {
    return [];
  }
}

/** Lets the machine restore the active states that `activeNodesOf` gave, and its histories. It has to be a copy of the user's machine. */
export function withActiveNodes(copy: AnyStateMachine): AnyStateMachine {
  const restore = copy.restoreSnapshot;
  copy.restoreSnapshot = (stored, scope) => {
    const { nodes, ...plain } = stored as unknown as WithHistory & { nodes?: readonly string[] };
    const historyValue = rememberedBy(copy, plain.historyValue);
    const restored = restore({ ...plain, historyValue } as never, scope);
    // XState forgets a history that remembers no state, so that it would lead to its default.
    const empty = Object.entries(historyValue).filter(([, states]) => states.length === 0);
    Object.assign(restored.historyValue, Object.fromEntries(empty));
    if (nodes === undefined) return restored;
    const active = nodes.map((id) => activeNode(copy, id));
    const { value } = plain;
    const tags = new Set(active.flatMap((node) => node.tags));
    return Object.assign(restored, { _nodes: active, value, tags });
  };
  return copy;
}

function activeNode(copy: AnyStateMachine, id: string): ActiveNode {
  const node = stateOfId(copy, id) as ActiveNode | undefined;
  if (node === undefined) throw new Error(`state "${id}" does not exist`);
  return node;
}

/** The states that histories remember. XState itself would not find those whose id has a dot. */
function rememberedBy(copy: AnyStateMachine, stored: WithHistory["historyValue"]) {
  return Object.fromEntries(
    Object.entries(stored).map(([id, states]) => [
      id,
      states.map((state) => stateOfId(copy, state.id) ?? state),
    ]),
  );
}
