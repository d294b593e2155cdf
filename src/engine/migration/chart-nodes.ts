import type { AnyActorLogic, AnyStateMachine } from "xstate";
import { stateOfId } from "../system/xstate/xstate-internals.ts";

/** A state of a chart, with what the migration of an actor needs of it. */
export interface ChartNode {
  readonly id: string;
  readonly key: string;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  /** The keys from the root down. */
  readonly path: readonly string[];
  readonly parent: ChartNode | undefined;
  readonly states: Readonly<Record<string, ChartNode>>;
  readonly after: readonly { readonly eventType: string; readonly delay: string | number }[];
  readonly invoke: readonly { readonly id: string; readonly src: unknown }[];
  readonly config: { readonly invoke?: InvokeConfig | readonly InvokeConfig[] };
}

interface InvokeConfig {
  readonly src: AnyActorLogic;
}

export function rootOf(machine: AnyStateMachine): ChartNode {
  return machine.root as unknown as ChartNode;
}

/** The state at a path, or undefined where the chart has none. */
export function nodeAt(root: ChartNode, path: readonly string[]): ChartNode | undefined {
  return path.reduce<ChartNode | undefined>(
    (node, key) => (node && Object.hasOwn(node.states, key) ? node.states[key] : undefined),
    root,
  );
}

export function nodeOfId(machine: AnyStateMachine, id: string): ChartNode | undefined {
  return stateOfId(machine, id) as ChartNode | undefined;
}

/** A path as text: `paying.card`. A dot or a backslash in a key has a backslash before it, as in XState's targets. */
export function pathText(path: readonly string[]): string {
  return path.map((key) => key.replace(/[\\.]/g, "\\$&")).join(".");
}

/** The keys of a path as text. The empty text is the root. */
export function parsePath(text: string): readonly string[] {
  if (text === "") return [];
  const parts = text.match(/(?:\\.|[^\\.])+/gs) ?? [];
  return parts.map((part) => part.replace(/\\(.)/gs, "$1"));
}

/** The paths of the leaves of a state value. */
export function leavesOf(value: unknown, above: readonly string[] = []): readonly string[][] {
  if (typeof value === "string") return [[...above, value]];
  const inside = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>);
  if (inside.length === 0) return [[...above]];
  return inside.flatMap(([key, part]) => leavesOf(part, [...above, key]));
}

/** The paths of all active states of a value: its leaves and what is above them, the deepest first. */
export function activePaths(
  leaves: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  const paths = leaves.flatMap((leaf) =>
    Array.from({ length: leaf.length + 1 }, (_, depth) => leaf.slice(0, depth)),
  );
  const distinct = new Map(paths.map((path) => [pathText(path), path]));
  return [...distinct.values()].toSorted((one, other) => other.length - one.length);
}

/** True for the id of a source that is written inline in an `invoke`. */
export function isInlineSource(src: unknown): boolean {
  return typeof src === "string" && src.startsWith("xstate.invoke.");
}
