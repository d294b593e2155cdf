import { messageOf } from "../../errors.ts";
import type { DurableMachine } from "../definition/durable.ts";
import { chartOf } from "../definition/registry.ts";
import type { Entry, TimerRecord, WorkRecord } from "../journal/entry.ts";
import { LiveSystem } from "../system/live-system.ts";
import { type StoredActor, type StoredTree, stateText } from "../system/tree.ts";
import { mapTimers, mapWork } from "./map-timers.ts";
import { mapTree } from "./map-tree.ts";
import { readDetached, writeDetached } from "./references.ts";
import { type Trouble, Troubles } from "./troubles.ts";
import { type Unarmed, unarmedIn } from "./unarmed.ts";
import type { WayStep } from "./ways.ts";

/** The parts of an entry that a migration reads. */
export type Migratable = Pick<Entry, "actor" | "snapshot" | "timers" | "work">;

/** An actor in a newer version, as its next entry has it. */
export interface Passed {
  readonly state: string;
  readonly tags: readonly string[];
  readonly snapshot: string;
  readonly timers: readonly TimerRecord[];
  readonly work: readonly WorkRecord[];
  /** The event types of the timers that the new version does not have. */
  readonly dropped: readonly string[];
}

/** The result of a way: the actor there, or what keeps it back. */
export interface Passage {
  readonly passed: Passed | null;
  readonly troubles: readonly Trouble[];
  /** Timers and children that the actor would miss in the new version. */
  readonly unarmed: readonly Trouble[];
}

interface Moving {
  readonly tree: StoredTree;
  readonly timers: readonly TimerRecord[];
  readonly work: readonly WorkRecord[];
  readonly dropped: readonly string[];
  readonly unarmed: Unarmed;
}

/** Brings an active actor along a way to a newer version. It changes nothing but what it gives. Pure. */
export function passAlong(entry: Migratable, steps: readonly WayStep[]): Passage {
  const troubles = new Troubles();
  let moving: Moving | undefined;
  try {
    const { timers, work } = entry;
    const tree = readDetached(entry.snapshot ?? "") as StoredTree;
    moving = { tree, timers, work, dropped: [], unarmed: { names: new Set(), troubles: [] } };
  } catch (error) {
    troubles.add("not-readable", "snapshot", messageOf(error));
  }
  for (const step of steps) moving = moving && oneStep(moving, step, troubles);
  const last = steps.at(-1)?.to;
  const passed = moving && last ? written(entry, moving, last, troubles) : null;
  return { passed, troubles: troubles.found, unarmed: moving?.unarmed.troubles ?? [] };
}

function oneStep(moving: Moving, step: WayStep, troubles: Troubles): Moving | undefined {
  const { tree, timers, work, dropped, unarmed } = moving;
  const chart = chartOf(step.to);
  const before = troubles.found.length;
  const means = { chart, troubles, work: new Map(work.map((record) => [record.id, record])) };
  const mapped = mapTree(tree.root, step.before?.machine, step.migration, means);
  if (mapped === undefined) return undefined;
  const passing = mapTimers(timers, mapped);
  const mappedWork = mapWork(work, mapped, means);
  if (troubles.found.length > before) return undefined;
  return {
    tree: { ...tree, root: mapped.root },
    timers: passing.kept,
    work: mappedWork,
    dropped: [...dropped, ...passing.dropped.map(({ eventType }) => eventType)],
    unarmed: unarmedIn(mapped, passing.kept, unarmed.names),
  };
}

/** The proof that the new version can go on from the result: it does so. */
function written(
  { actor }: Migratable,
  { tree, timers, work, dropped }: Moving,
  last: DurableMachine,
  troubles: Troubles,
): Passed | null {
  let snapshot: string;
  try {
    snapshot = writeDetached(tree, "snapshot");
  } catch (error) {
    troubles.add("context-not-mapped", "context", messageOf(error));
    return null;
  }
  try {
    const system = LiveSystem.revive(
      { chart: chartOf(last), onOutside: () => {} },
      { actor, status: "active", snapshot, timers, work },
    );
    const lost = lostActor(system, tree.root, "");
    if (lost !== null) {
      troubles.add("child-lost", lost, "the new version cannot restore it");
      return null;
    }
    const { value, tags } = system.snapshot as {
      readonly value: unknown;
      readonly tags: ReadonlySet<string>;
    };
    return { state: stateText(value), tags: [...tags], snapshot, timers, work, dropped };
  } catch (error) {
    troubles.add("not-readable", "snapshot", messageOf(error));
    return null;
  }
}

/** An actor of a tree that a system does not have as it was written, or null. */
function lostActor(system: LiveSystem, actor: StoredActor, where: string): string | null {
  const found = system.actorOf(actor.birth)?.getSnapshot() as
    | { readonly status: unknown }
    | undefined;
  if (found?.status !== actor.snapshot["status"]) return where;
  for (const [key, child] of Object.entries(actor.children ?? {})) {
    const lost = lostActor(system, child, `${where}/${key}`);
    if (lost !== null) return lost;
  }
  return null;
}
