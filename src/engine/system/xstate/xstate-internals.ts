import type { AnyActorLogic, AnyActorRef, AnyStateMachine, EventObject } from "xstate";
import { limits } from "../../../limits.ts";

/** A custom action as an actor hands it to its executor. */
export interface ExecutableAction {
  readonly type: string;
  readonly params: unknown;
  readonly info: unknown;
  readonly exec: ((info: unknown, params: unknown) => unknown) | undefined;
}

/** The scheduler of delayed events in an actor system. */
export interface Scheduler {
  schedule(
    source: LiveActor,
    target: LiveActor,
    event: EventObject,
    delayMs: number,
    id?: string,
  ): void;
  cancel(source: LiveActor, id: string): void;
  cancelAll(source: LiveActor): void;
}

interface LiveActorSystem {
  scheduler: Scheduler;
  _relay: (source: LiveActor | undefined, target: LiveActor, event: EventObject) => void;
  _sendInspectionEvent: (event: InspectionEvent) => void;
  getAll(): Readonly<Record<string, AnyActorRef>>;
  _set(systemId: string, actor: object): void;
}

interface InspectionEvent {
  readonly type: string;
  readonly actorRef: unknown;
}

interface ActorScope {
  actionExecutor: (action: ExecutableAction) => void;
  emit: (event: EventObject) => void;
}

/**
 * The parts of an XState actor that the engine uses beside XState's public interface. This is the only file
 * that knows them, and `test/engine/system/xstate-internals.test.ts` holds them against the installed version.
 */
export interface LiveActor {
  readonly id: string;
  readonly sessionId: string;
  logic: AnyActorLogic;
  readonly src: unknown;
  readonly systemId: string | undefined;
  readonly system: LiveActorSystem;
  readonly _parent: LiveActor | undefined;
  readonly _syncSnapshot: boolean | undefined;
  readonly _actorScope: ActorScope;
  /** 0: not started, 1: running, 2: stopped. */
  readonly _processingStatus: number;
  getSnapshot(): unknown;
  start(): unknown;
  _stop(): unknown;
  subscribe(observer: { error(error: unknown): void }): unknown;
}

/** An `inspect` option that calls back at the creation of each actor, before XState has run any of it. */
export function onActorCreated(onCreated: (actor: LiveActor) => void) {
  return ({ type, actorRef }: InspectionEvent) => {
    if (type === "@xstate.actor") onCreated(actorRef as LiveActor);
  };
}

/** Spares a system the making of inspection events that nobody reads: several for each event. */
export function inspectOnlyCreations(
  system: LiveActorSystem,
  onCreated: (actor: LiveActor) => void,
): void {
  system._sendInspectionEvent = onActorCreated(onCreated);
}

/** An XState actor with the parts that the engine uses. */
export function asLive(actor: AnyActorRef): LiveActor {
  return actor as unknown as LiveActor;
}

export function isRunning({ _processingStatus: status }: LiveActor): boolean {
  return status === 1;
}

/** The ids of an actor and of those above it, below the root. */
export function pathOf(actor: LiveActor): string {
  return actor._parent === undefined ? "" : `${pathOf(actor._parent)}/${actor.id}`;
}

/** The child that a machine's snapshot has under an id. */
export function childOf(parent: LiveActor, id: string): LiveActor | undefined {
  const { children } = (parent.getSnapshot() ?? {}) as {
    readonly children?: Readonly<Record<string, AnyActorRef | undefined>>;
  };
  const child = children?.[id];
  return child && asLive(child);
}

/** True for an actor reference, also for one of another copy of XState. */
export function isActorRef(value: object): value is AnyActorRef {
  return "sessionId" in value && "send" in value && "getSnapshot" in value;
}

/** True for a state machine, also for one of another copy of XState. */
export function isMachine(logic: unknown): logic is AnyStateMachine {
  return (
    typeof logic === "object" && logic !== null && "getStateNodeById" in logic && "config" in logic
  );
}

/** True for logic that only computes, as `fromTransition` makes it: nothing of it lives in a process. */
export function isPureLogic(logic: AnyActorLogic): boolean {
  return !isMachine(logic) && typeof logic.start !== "function";
}

/**
 * The state of a machine by its whole id, or undefined. XState's `getStateNodeById` takes a dot in an id for a step of
 * a path, so it does not find the states of a machine whose id has one.
 */
export function stateOfId(machine: AnyStateMachine, id: string): object | undefined {
  return (machine as unknown as { readonly idMap: ReadonlyMap<string, object> }).idMap.get(id);
}

/** Gives the machine an end to cycles of transitions without events. It has to be a copy of the user's machine. */
export function withBound(copy: AnyStateMachine): AnyStateMachine {
  const own = copy.options?.maxIterations ?? Number.POSITIVE_INFINITY;
  copy.options = { ...copy.options, maxIterations: Math.min(own, limits.microstepsPerEventMax) };
  return copy;
}

/**
 * The `systemId`s that XState keeps for actors that do not run: those that a machine made before it failed in the same
 * transition. No other actor of the system can ever have such an id.
 */
export function takenSystemIds(root: LiveActor): readonly string[] {
  const named = Object.entries(root.system.getAll());
  return named.flatMap(([systemId, actor]) => (isRunning(asLive(actor)) ? [] : [systemId]));
}

/** False for a function that a chart writes inline: XState gives its action the name of the function. */
export function isNamed({ logic }: LiveActor, { type, exec }: ExecutableAction): boolean {
  if (exec === undefined || !isMachine(logic)) return true;
  return logic.implementations.actions[type] === exec;
}

/** True for the error that ends a cycle of transitions without events. */
export function isEndlessError(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Infinite loop detected");
}
