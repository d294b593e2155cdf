import type { AnyStateMachine } from "xstate";
import { LockstepError, messageOf } from "../../errors.ts";
import type { Migration } from "../definition/durable.ts";
import type { StoredActor } from "../system/tree.ts";
import { type Means, seatOf } from "./map-children.ts";
import { type MappedStates, mapHistory, mapStates, type Passage } from "./map-states.ts";

/** An actor of a system in its new chart. */
export interface MappedActor {
  /** Its ids from the root down. */
  readonly where: string;
  readonly src: string | undefined;
  readonly childKeys: ReadonlySet<string>;
  /** Its charts and its active states, for an active machine. */
  readonly machine: { readonly passage: Passage; readonly states: MappedStates } | undefined;
}

/** A stored system in its new chart, with its actors by their births. */
export interface MappedTree {
  readonly root: StoredActor;
  readonly actors: ReadonlyMap<number, MappedActor>;
}

/** Brings a stored system into a new chart, or gives undefined where a trouble keeps it back. */
export function mapTree(
  root: StoredActor,
  before: AnyStateMachine | undefined,
  { state = (path) => path, context }: Migration,
  means: Means,
): MappedTree | undefined {
  const actors = new Map<number, MappedActor>();
  const after = means.chart.machine;
  const passage = { where: "", before, after, state };
  const mapped = mapMachine(root, passage, means, actors);
  const snapshot = { ...(mapped ?? root).snapshot };
  if (context) snapshot["context"] = mapContext(context, snapshot["context"], means);
  return mapped && { root: { ...mapped, snapshot }, actors };
}

function mapContext(
  context: NonNullable<Migration["context"]>,
  old: unknown,
  { troubles }: Means,
): unknown {
  try {
    const mapped: unknown = context(old);
    if (typeof mapped === "object" && mapped !== null) return mapped;
    throw new LockstepError("bad-argument", `it gives ${String(mapped)}, and no object`);
  } catch (error) {
    troubles.add(
      "context-not-mapped",
      "context",
      `\`context\` of the migration: ${messageOf(error)}`,
    );
    return old;
  }
}

function mapMachine(
  actor: StoredActor,
  passage: Passage,
  means: Means,
  actors: Map<number, MappedActor>,
): StoredActor | undefined {
  const {
    value,
    history = {},
    // They name states of the chart before. The value alone gives those of the new one.
    nodes: _,
    ...rest
  } = actor.snapshot as {
    readonly value?: unknown;
    readonly nodes?: unknown;
    readonly history?: Readonly<Record<string, readonly string[]>>;
  };
  const states = mapStates(passage, value, means.troubles);
  if (states === undefined) return undefined;
  const remembered = mapHistory(passage, history, means.troubles);
  const children: Record<string, StoredActor> = {};
  for (const child of Object.entries(actor.children ?? {})) {
    const seat = seatOf(passage, states, child, means);
    if (seat === undefined) continue;
    if (Object.hasOwn(children, seat.key)) {
      const both = `the new version would give its id "${seat.key}" to two children`;
      means.troubles.add("child-lost", `${passage.where}/${child[0]}`, both);
      continue;
    }
    const where = `${passage.where}/${seat.key}`;
    const inside: Passage = {
      ...{ where, before: seat.before, after: seat.after ?? passage.after, state: (path) => path },
    };
    const mapped = mapChild({ ...child[1], src: seat.src }, inside, seat.after, means, actors);
    if (mapped) children[seat.key] = mapped;
  }
  actors.set(actor.birth, {
    ...{ where: passage.where, src: actor.src, childKeys: new Set(Object.keys(children)) },
    machine: { passage, states },
  });
  return {
    ...actor,
    snapshot: {
      ...{ ...rest, value: states.value },
      ...(Object.keys(remembered).length > 0 ? { history: remembered } : {}),
    },
    ...(actor.children === undefined ? {} : { children }),
  };
}

function mapChild(
  child: StoredActor,
  passage: Passage,
  machine: AnyStateMachine | undefined,
  means: Means,
  actors: Map<number, MappedActor>,
): StoredActor | undefined {
  if (machine && child.snapshot["status"] === "active") {
    return mapMachine(child, passage, means, actors);
  }
  // An actor that has ended stays as it is.
  const { where } = passage;
  actors.set(child.birth, { where, src: child.src, childKeys: new Set(), machine: undefined });
  return child;
}
