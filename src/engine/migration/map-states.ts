import type { AnyStateMachine } from "xstate";
import { messageOf } from "../../errors.ts";
import {
  activePaths,
  type ChartNode,
  leavesOf,
  nodeAt,
  nodeOfId,
  parsePath,
  pathText,
  rootOf,
} from "./chart-nodes.ts";
import type { Troubles } from "./troubles.ts";

/** One actor of a system between two charts. */
export interface Passage {
  /** The actor's ids from the root down: `""` is the root. */
  readonly where: string;
  /** The chart before, where this process has it. */
  readonly before: AnyStateMachine | undefined;
  readonly after: AnyStateMachine;
  readonly state: (path: string) => string | null;
}

/** A state that was active, and the states of the new chart that may stand for it, the likeliest first. */
export interface Place {
  readonly path: readonly string[];
  readonly before: ChartNode | undefined;
  readonly candidates: readonly ChartNode[];
}

/** The active states of an actor in its new chart. */
export interface MappedStates {
  readonly value: unknown;
  readonly active: readonly ChartNode[];
  /** The deepest states first. */
  readonly places: readonly Place[];
}

interface Leaf {
  readonly path: readonly string[];
  readonly node: ChartNode;
}

const isPrefix = (short: readonly string[], long: readonly string[]): boolean =>
  short.every((key, index) => long[index] === key);

/** The name of a state for people. */
export const stateName = ({ where }: Pick<Passage, "where">, path: readonly string[]): string =>
  where === "" ? pathText(path) : `${where}: ${pathText(path)}`;

/** The state of the new chart for a path of the old one. Null: the migration gives none. Undefined: that is a trouble. */
function targetOf(
  passage: Passage,
  path: readonly string[],
  troubles: Troubles,
): ChartNode | null | undefined {
  const text = pathText(path);
  const lost = (message: string) => {
    troubles.add("state-lost", stateName(passage, path), message);
    return undefined;
  };
  let given: unknown;
  try {
    given = passage.state(text);
  } catch (error) {
    return lost(`\`state\` of the migration throws: ${messageOf(error)}`);
  }
  if (given === null) return null;
  if (typeof given !== "string") {
    return lost(`\`state\` of the migration gives ${typeof given}, and no path`);
  }
  const node = nodeAt(rootOf(passage.after), parsePath(given));
  if (node && node.type !== "history") return node;
  return lost(`the new version has no state "${given}": map it by \`state\` of the migration`);
}

/** Maps the active states of an actor, and fills in what the new chart adds. Undefined where a trouble keeps it back. */
export function mapStates(
  passage: Passage,
  value: unknown,
  troubles: Troubles,
): MappedStates | undefined {
  const paths = leavesOf(value);
  const leaves: Leaf[] = [];
  for (const path of paths) {
    const node = targetOf(passage, path, troubles);
    if (node === null) {
      troubles.add("state-lost", stateName(passage, path), "`state` of the migration gives null");
    }
    if (node) leaves.push({ path, node });
  }
  if (leaves.length < paths.length) return undefined;
  const filled = fill(passage, leaves, troubles);
  if (filled === undefined) return undefined;
  const active = new Set(filled.active);
  const root = passage.before && rootOf(passage.before);
  const places = activePaths(paths).map((path) => ({
    ...{ path, before: root && nodeAt(root, path) },
    candidates: candidatesOf(path, leaves, rootOf(passage.after)).filter((node) =>
      active.has(node),
    ),
  }));
  return { ...filled, places };
}

/** A final state ends what holds it when it is entered, and a migration enters nothing. */
function isSilentEnd(passage: Passage, leaves: readonly Leaf[], node: ChartNode): boolean {
  if (node.type !== "final") return false;
  const root = passage.before && rootOf(passage.before);
  return !leaves.some((leaf) => {
    if (leaf.node !== node) return false;
    if (root) return nodeAt(root, leaf.path)?.type === "final";
    return pathText(leaf.path) === pathText(node.path);
  });
}

/** The states that may stand for one that was active: by its place above the leaves. */
function candidatesOf(
  path: readonly string[],
  leaves: readonly Leaf[],
  root: ChartNode,
): readonly ChartNode[] {
  const candidates = leaves
    .filter((leaf) => isPrefix(path, leaf.path))
    .flatMap(({ path: old, node }) => {
      const below = old.slice(path.length);
      if (below.length === 0) return [node.path];
      const depth = node.path.length - below.length;
      const isSamePlace = isPrefix(path, node.path);
      const isMoved = depth >= 0 && isPrefix(below, node.path.slice(depth));
      return [
        ...(isSamePlace ? [path] : []),
        ...(isMoved ? [node.path.slice(0, depth)] : []),
        ...(node.path.length === old.length ? [node.path.slice(0, path.length)] : []),
      ];
    });
  return [...new Set(candidates.flatMap((found) => nodeAt(root, found) ?? []))];
}

interface Partial {
  [key: string]: Partial;
}

function fill(
  passage: Passage,
  leaves: readonly Leaf[],
  troubles: Troubles,
): Pick<MappedStates, "value" | "active"> | undefined {
  const partial: Partial = {};
  for (const { path, node } of leaves) {
    let at = partial;
    let above = rootOf(passage.after);
    for (const key of node.path) {
      const [other = key] = Object.keys(at);
      if (above.type === "compound" && other !== key) {
        const both = `"${pathText([...above.path, other])}" is active too, and "${pathText(above.path)}" can be in one of them`;
        troubles.add("state-lost", stateName(passage, path), both);
        return undefined;
      }
      at[key] ??= {};
      at = at[key];
      above = above.states[key] as ChartNode;
    }
  }
  try {
    const resolved = passage.after.resolveState({ value: partial, context: {} } as never);
    const { value, status, _nodes } = resolved as unknown as {
      readonly value: unknown;
      readonly status: string;
      readonly _nodes: readonly ChartNode[];
    };
    const end = _nodes.find((node) => isSilentEnd(passage, leaves, node));
    if (end === undefined && status === "active") return { value, active: _nodes };
    troubles.add(
      "state-lost",
      stateName(passage, end?.path ?? []),
      "it would be in a final state, and nobody would notice that it has reached it: map to a state before it",
    );
  } catch (error) {
    troubles.add("not-readable", stateName(passage, []), messageOf(error));
  }
  return undefined;
}

type History = Readonly<Record<string, readonly string[]>>;

/** Maps the states that history states remember. What the new chart has no history state for is forgotten. */
export function mapHistory(passage: Passage, history: History, troubles: Troubles): History {
  const mapped: Record<string, readonly string[]> = {};
  for (const [id, remembered] of Object.entries(history)) {
    const leaves = remembered.flatMap((old) => rememberedLeaf(passage, old, troubles) ?? []);
    const key = id.slice(id.lastIndexOf(".") + 1);
    const place = historyPlace(passage, id);
    const holders = place === null ? [] : candidatesOf(place, leaves, rootOf(passage.after));
    const node =
      holders.map((holder) => historyIn(holder, key)).find((found) => found !== undefined) ??
      historyOfId(passage, id);
    if (node && leaves.length > 0) mapped[node.id] = leaves.map(({ node: each }) => each.id);
  }
  return mapped;
}

function historyIn({ states }: ChartNode, key: string): ChartNode | undefined {
  const inside = Object.values(states).filter(({ type }) => type === "history");
  return inside.find((node) => node.key === key) ?? (inside.length === 1 ? inside[0] : undefined);
}

/** A history state with an id of its own keeps its id. */
function historyOfId({ after }: Passage, id: string): ChartNode | undefined {
  const node = nodeOfId(after, id);
  return node?.type === "history" ? node : undefined;
}

/** The path of the state that holds a history state. */
function historyPlace(passage: Passage, id: string): readonly string[] | null {
  return pathOfId(passage, id)?.slice(0, -1) ?? null;
}

function rememberedLeaf(passage: Passage, id: string, troubles: Troubles): Leaf | undefined {
  const path = pathOfId(passage, id);
  if (path === null) {
    troubles.add(
      "state-lost",
      id,
      "a history state remembers it, and its path is not known without the chart before: register that version too",
    );
    return undefined;
  }
  const node = targetOf(passage, path, troubles);
  return node ? { path, node } : undefined;
}

/** The path of a state's id in the chart before. Without that chart, ids are read as XState makes them. */
function pathOfId({ before, after }: Passage, id: string): readonly string[] | null {
  if (before) return nodeOfId(before, id)?.path ?? null;
  const same = nodeOfId(after, id);
  if (same) return same.path;
  return id.startsWith(`${after.id}.`) ? id.slice(after.id.length + 1).split(".") : null;
}
