import type { TimerRecord } from "../journal/entry.ts";
import type { ChartNode } from "./chart-nodes.ts";
import { type Place, stateName } from "./map-states.ts";
import type { MappedActor, MappedTree } from "./map-tree.ts";
import { type Trouble, Troubles } from "./troubles.ts";

interface Looking {
  readonly birth: number;
  readonly actor: MappedActor;
  readonly places: readonly Place[];
  readonly timers: readonly TimerRecord[];
  /** The names that were missing in the chart before already: its state does not excuse them. */
  readonly carried: ReadonlySet<string>;
  readonly troubles: Troubles;
}

/** The timers and children that an actor would miss. The names are for the next step of a way, the troubles for people. */
export interface Unarmed {
  readonly names: ReadonlySet<string>;
  readonly troubles: readonly Trouble[];
}

const nameOf = (birth: number, id: string) => `${birth} ${id}`;

/**
 * The timers and the invokes that XState starts when a state is entered, and that this actor does not have though it is
 * in that state. One that its old chart had in this place too is over, and not missed.
 */
export function unarmedIn(
  { actors }: MappedTree,
  timers: readonly TimerRecord[],
  carried: ReadonlySet<string>,
): Unarmed {
  const troubles = new Troubles();
  const names = new Set<string>();
  for (const [birth, actor] of actors) {
    if (actor.machine === undefined) continue;
    const { places, active } = actor.machine.states;
    const looking = { birth, actor, places, timers, carried, troubles };
    for (const node of active) {
      for (const name of [...lostTimers(looking, node), ...lostInvokes(looking, node)]) {
        names.add(nameOf(birth, name));
      }
    }
  }
  return { names, troubles: troubles.found };
}

/** The old states in the place of a new one, which had what fits. */
function isOver({ birth, places, carried }: Looking, node: ChartNode, idIn: IdIn): boolean {
  return places.some(({ before, candidates }) => {
    const id = before && candidates.includes(node) ? idIn(before) : undefined;
    return id !== undefined && !carried.has(nameOf(birth, id));
  });
}

type IdIn = (before: ChartNode) => string | undefined;

function lostTimers(looking: Looking, node: ChartNode): readonly string[] {
  const { birth, actor, timers, troubles } = looking;
  const types = new Map(node.after.map(({ eventType, delay }) => [eventType, String(delay)]));
  return [...types].flatMap(([eventType, delay]) => {
    const isArmed = timers.some((timer) => timer.source === birth && timer.eventType === eventType);
    const idIn: IdIn = ({ after }) => after.find((old) => String(old.delay) === delay)?.eventType;
    if (isArmed || isOver(looking, node, idIn)) return [];
    const what = `${stateName(actor, node.path)}: after ${delay}`;
    const message =
      "the actor is in this state without this timer, and gets it only when it enters the state again";
    troubles.add("timer-never-starts", what, message);
    return [eventType];
  });
}

function lostInvokes(looking: Looking, node: ChartNode): readonly string[] {
  const { actor, troubles } = looking;
  return node.invoke.flatMap(({ id, src }, index) => {
    if (actor.childKeys.has(id)) return [];
    const idIn: IdIn = ({ invoke }) =>
      (invoke.find((old) => old.id === id) ?? [invoke[index]].find((old) => old?.src === src))?.id;
    if (isOver(looking, node, idIn)) return [];
    const what = `${stateName(actor, node.path)}: invoke ${String(src)}`;
    const message =
      "the actor is in this state without this child, and gets it only when it enters the state again";
    troubles.add("invoke-never-starts", what, message);
    return [id];
  });
}
