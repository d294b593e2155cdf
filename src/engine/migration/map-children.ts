import type { AnyActorLogic, AnyStateMachine } from "xstate";
import type { WorkRecord } from "../journal/entry.ts";
import type { Chart } from "../system/outcome.ts";
import { isStub, type StoredActor } from "../system/tree.ts";
import { isMachine, isPureLogic } from "../system/xstate/xstate-internals.ts";
import { type ChartNode, isInlineSource, nodeOfId } from "./chart-nodes.ts";
import type { MappedStates, Passage } from "./map-states.ts";
import type { Troubles } from "./troubles.ts";

/** The means by which an actor passes into a new chart. */
export interface Means {
  readonly chart: Chart;
  readonly work: ReadonlyMap<string, WorkRecord>;
  readonly troubles: Troubles;
}

/** A child's key and source in the new chart, with its machine there and before where it is one. */
export interface Seat {
  readonly key: string;
  readonly src: string;
  readonly after: AnyStateMachine | undefined;
  readonly before: AnyStateMachine | undefined;
}

const kinds = {
  stub: "a promise, callback or observable",
  machine: "a machine",
  pure: "a transition function",
};

/** The place of a child in the new chart, or undefined where a trouble says that there is none. */
export function seatOf(
  passage: Passage,
  states: MappedStates,
  [key, child]: readonly [string, StoredActor],
  { chart, work, troubles }: Means,
): Seat | undefined {
  const where = `${passage.where}/${key}`;
  const { src = "", snapshot } = child;
  const task = isStub(snapshot) ? work.get(snapshot.workId) : undefined;
  const lost = (message: string) => {
    if (task?.kind === "task") troubles.add("work-lost", `${where}: ${task.name}`, message);
    else troubles.add("child-lost", where, message);
    return undefined;
  };
  const invoke = invokeOf(passage, states, key, src);
  if (invoke === null) return lost(`no active state of the new version invokes "${src}" for it`);
  const found = invoke ?? { key, src };
  const logic = logicOf(passage.after, found.src);
  const isTask = chart.tasks.has(found.src);
  if (logic === undefined && !isTask) {
    return lost(`the new version has no source "${src}": keep it, until no actor needs it`);
  }
  if (task?.kind === "task" && !isTask) {
    return lost(`"${src}" is not among the tasks of the new version: keep it there`);
  }
  const kind = isTask ? "stub" : kindOfLogic(logic as AnyActorLogic);
  const known = kindOfStored(snapshot);
  if (kind !== known) {
    return lost(`"${src}" was ${kinds[known]}, and is ${kinds[kind]} in the new version`);
  }
  const before = passage.before && logicOf(passage.before, src);
  return {
    ...found,
    after: isMachine(logic) ? logic : undefined,
    before: isMachine(before) ? before : undefined,
  };
}

function kindOfLogic(logic: AnyActorLogic): keyof typeof kinds {
  if (isMachine(logic)) return "machine";
  return isPureLogic(logic) ? "pure" : "stub";
}

function kindOfStored(snapshot: StoredActor["snapshot"]): keyof typeof kinds {
  if (isStub(snapshot)) return "stub";
  return "value" in snapshot ? "machine" : "pure";
}

/** The logic of a source, also of one that is written inline in an `invoke`. */
function logicOf(machine: AnyStateMachine, src: string): AnyActorLogic | undefined {
  if (!isInlineSource(src)) return machine.implementations.actors[src] as AnyActorLogic | undefined;
  const [, index = "", id = ""] = /^xstate\.invoke\.(\d+)\.(.*)$/s.exec(src) ?? [];
  const { invoke = [] } = nodeOfId(machine, id)?.config ?? {};
  return [invoke].flat()[Number(index)]?.src;
}

interface Owner {
  readonly index: number;
  readonly candidates: readonly ChartNode[];
}

/**
 * The invoke of the new chart that waits for a child. Null where none does any more; undefined for a child that no
 * state invokes, since it was spawned.
 */
function invokeOf(
  passage: Passage,
  states: MappedStates,
  key: string,
  src: string,
): Pick<Seat, "key" | "src"> | null | undefined {
  const owner = passage.before ? knownOwner(states, key) : likelyOwner(passage, states, key);
  if (owner === undefined) return undefined;
  const isSame = (other: unknown) =>
    other === src || (isInlineSource(other) && isInlineSource(src));
  const invokes = owner.candidates.flatMap((node) =>
    node.invoke.map((invoke, index) => ({ ...invoke, index })),
  );
  const fitting = invokes.filter((invoke) => isSame(invoke.src));
  const found =
    fitting.find(({ id }) => id === key) ??
    fitting.find(({ index }) => index === owner.index) ??
    fitting[0];
  return found ? { key: found.id, src: String(found.src) } : null;
}

function knownOwner({ places }: MappedStates, key: string): Owner | undefined {
  for (const { before, candidates } of places) {
    const index = before?.invoke.findIndex(({ id }) => id === key) ?? -1;
    if (index >= 0) return { index, candidates };
  }
  return undefined;
}

/** Without the chart before, the id that XState makes for an invoke tells its state. */
function likelyOwner(
  { after }: Passage,
  { places, active }: MappedStates,
  key: string,
): Owner | undefined {
  const [, index, id] = /^(\d+)\.(.+)$/s.exec(key) ?? [];
  if (index === undefined || id === undefined) return undefined;
  const place = places.find(({ path }) =>
    path.length === 0 ? id === after.id : id.endsWith(`.${path.join(".")}`),
  );
  if (place) return { index: Number(index), candidates: place.candidates };
  const node = active.find((each) => each.id === id);
  return node && { index: Number(index), candidates: [node] };
}
