import type { AnyStateMachine, EventFromLogic, EventObject, InputFrom, StateNode } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { limits } from "../../limits.ts";
import type { DurableMachine } from "../definition/durable.ts";
import type { ScriptStep } from "./crash-anywhere.ts";

/** The options by which the chart of a machine is walked. */
export interface ScriptsOptions<TMachine extends AnyStateMachine = AnyStateMachine> {
  /** The events that somebody sends: one of each kind that matters. Deadlines and results of tasks need not be named. */
  readonly events: readonly EventFromLogic<TMachine>[];
  readonly input?: InputFrom<TMachine>;
  /** The most states that are walked. Default: 1,000. */
  readonly statesMax?: number;
}

/** The part of an XState snapshot that says where a chart may go. */
interface Place {
  readonly value: unknown;
  readonly context: unknown;
  readonly _nodes: readonly StateNode[];
}

type Delay = number | string | ((args: { context: unknown; event: EventObject }) => number);

const afterType = /^xstate\.after\./;
const doneType = /^xstate\.done\.actor\./;

function delayMsOf(machine: AnyStateMachine, place: Place, type: string): number {
  const timer = place._nodes
    .flatMap(({ after }) => after)
    .find(({ eventType }) => eventType === type);
  const named = machine.implementations.delays as Readonly<Record<string, Delay | undefined>>;
  const delay = timer?.delay as Delay | undefined;
  const found = typeof delay === "string" ? (named[delay] ?? Number(delay)) : (delay ?? 0);
  return typeof found === "function"
    ? found({ context: place.context, event: { type: "xstate.init" } })
    : Number(found);
}

/** Deadlines and results: the chart takes them at this place, and nobody sends them. */
function ownEvents({ _nodes }: Place): readonly EventObject[] {
  return _nodes.flatMap(({ after, invoke }) => [
    ...after.map(({ eventType }) => ({ type: eventType })),
    ...invoke.map(({ id }) => ({
      type: `xstate.done.actor.${id}`,
      output: undefined,
      actorId: id,
    })),
  ]);
}

/**
 * Scripts for `crashAnywhere` that lead through the chart of a machine: the shortest way to each state, and then each event
 * that may come there. A deadline becomes time that goes by; a result of a task comes by itself. Two states of one value count
 * as one, whatever their contexts.
 *
 * @see `getShortestPaths` of `xstate/graph`
 */
export function scriptsOf<TMachine extends AnyStateMachine>(
  durable: DurableMachine<TMachine>,
  { events, input, statesMax = limits.scriptStatesMax }: ScriptsOptions<NoInfer<TMachine>>,
): readonly (readonly ScriptStep<TMachine>[])[] {
  const machine: AnyStateMachine = durable.machine;
  const eventsAt = (place: Place) => [...(events as readonly EventObject[]), ...ownEvents(place)];
  const stepOf = (place: Place, event: EventObject): readonly ScriptStep[] => {
    if (afterType.test(event.type)) return [{ elapse: delayMsOf(machine, place, event.type) }];
    return doneType.test(event.type) ? [] : [{ send: event } as ScriptStep];
  };
  const paths = getShortestPaths(machine, {
    events: (place) => eventsAt(place as unknown as Place),
    serializeState: ({ value }: { readonly value: unknown }) => JSON.stringify(value),
    limit: statesMax,
    ...(input === undefined ? {} : { input }),
  } as Parameters<typeof getShortestPaths>[1]);
  const scripts = new Map<string, readonly ScriptStep[]>();
  for (const { steps } of paths) {
    // A step has the place after its event. The first event is the start.
    const places = steps.map(({ state }) => state as unknown as Place);
    const way = steps
      .slice(1)
      .flatMap(({ event }, before) => stepOf(places[before] as Place, event));
    const last = places.at(-1) as Place;
    for (const event of eventsAt(last)) {
      const script = [...way, ...stepOf(last, event)];
      scripts.set(JSON.stringify(script), script);
    }
  }
  return [...scripts.values()] as (readonly ScriptStep<TMachine>[])[];
}
