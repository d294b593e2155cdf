// biome-ignore-all lint/suspicious/noExplicitAny: a machine's own types decide; `unknown` would ask the user for casts.
import type { ClientSession } from "mongodb";
import { lt, valid } from "semver";
import type { AnyStateMachine, ContextFrom } from "xstate";
import { LockstepError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { isMachine } from "../system/xstate/xstate-internals.ts";
import { checkDeclared } from "./declared-options.ts";
import { parseBackoff, parseDuration } from "./durations.ts";
import { inspectMachine } from "./inspect-machine.ts";
import type { ActionsOf, TasksOf } from "./machine-types.ts";

/** A duration: milliseconds, or a text as `500ms`, `5s`, `10m`, `2h`, `30d`. */
export type Duration = number | string;

/** The means of a task or an action while it runs. */
export interface WorkContext {
  /** An id of this work alone, the same on each attempt in each process: give it to other systems as an idempotency key. */
  readonly id: string;
  readonly actor: string;
  /** From 1. An attempt that died with its process counts too. */
  readonly attempt: number;
  /** Grows when another worker takes the actor over. Another system that keeps the largest one it has seen can refuse a stale worker. */
  readonly fence: number;
  /** Aborts when the state is left, the attempt times out, or this worker loses the actor. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Reports that the attempt is alive, where the task has a `heartbeat`. */
  heartbeat(): void;
  /**
   * Runs `act` in a MongoDB transaction that commits together with the transition that records the result: both happen,
   * once, or neither. Once an attempt. The attempt runs again where the commit fails.
   */
  transaction<Result>(act: (session: ClientSession) => Promise<Result>): Promise<Result>;
}

/** The policy by which a task or an action is tried again. */
export interface RetryPolicy {
  /** Attempts in all. Default: 1 for a task, as a promise rejects once in XState; actions are tried until they are done. */
  readonly attempts?: number;
  /** The pause after the first attempt and the longest one, as `1s..1m`; it doubles. Default: `1s..1m`. */
  readonly backoff?: string;
  /** False for an error that no further attempt mends. */
  readonly retryable?: (error: unknown) => boolean;
}

/** A task: the durable run of an invoked promise. */
export interface TaskDefinition<Input = any, Output = any> {
  /** Default: the machine's own promise logic. It may run more than once; its result counts once. */
  readonly run?: (input: Input, task: WorkContext) => Promise<Output>;
  readonly retry?: RetryPolicy;
  /** The longest time of one attempt. Default: none. */
  readonly timeout?: Duration;
  /** The longest time between two heartbeats of an attempt. Default: none are expected. */
  readonly heartbeat?: Duration;
}

export type ActionDefinition<Params = any> = (params: Params, effect: WorkContext) => Promise<void>;

/**
 * The way of an actor from an earlier version to this one. Pure. No action runs; timers and children follow their
 * states. A version that stays in `machines` beside the new one lets more of them be found.
 */
export interface Migration<Context = any> {
  /**
   * Maps the path of an active leaf, as `paying.card`, and of a state that a history state remembers. The states above
   * follow. Null: the actor cannot be migrated; what a history remembers is forgotten. Default: the same path.
   */
  readonly state?: (path: string) => string | null;
  /** Maps the context. Default: the same context. */
  readonly context?: (context: any) => Context;
}

/** The declaration that makes a machine durable. */
export interface DurableOptions<TMachine extends AnyStateMachine> {
  /** The name under which its actors are stored. It never changes. */
  readonly name: string;
  /** A semantic version. Each change of the chart that live actors can notice needs another one. */
  readonly version: string;
  /** The invoked sources that run as durable tasks. Other promises, callbacks and observables start again on a takeover. */
  readonly tasks?: TasksOf<TMachine>;
  /** The named actions that run after the commit, at least once, in order. Others run once after the commit, unless their process dies. */
  readonly actions?: ActionsOf<TMachine>;
  /** The versions from which actors are migrated to this one. */
  readonly migrate?: Readonly<Record<string, Migration<ContextFrom<TMachine>>>>;
}

/** A task with its defaults. */
export interface PreparedTask {
  readonly run: ((input: any, task: WorkContext) => Promise<unknown>) | undefined;
  readonly attemptsMax: number;
  readonly backoffMs: { readonly first: number; readonly longest: number };
  readonly retryable: (error: unknown) => boolean;
  readonly timeoutMs: number | null;
  readonly heartbeatMs: number | null;
}

/** A machine that an engine can run. Made by `durable`. */
export interface DurableMachine<TMachine extends AnyStateMachine = AnyStateMachine> {
  readonly machine: TMachine;
  readonly name: string;
  readonly version: string;
  readonly tasks: ReadonlyMap<string, PreparedTask>;
  readonly actions: ReadonlyMap<string, ActionDefinition>;
  readonly migrate: ReadonlyMap<string, Migration>;
  /** Equal for equal charts with equal names of tasks, actions and implementations. */
  readonly digest: string;
}

/** True for what `durable` gives, also where another copy of this package has given it. */
export function isDurable(value: unknown): value is DurableMachine {
  if (typeof value !== "object" || value === null || !("machine" in value)) return false;
  const { machine, name, version, tasks, actions, migrate } = value as Partial<DurableMachine>;
  const isNamed = typeof name === "string" && typeof version === "string";
  return (
    isNamed && isMachine(machine) && [tasks, actions, migrate].every((each) => each instanceof Map)
  );
}

/**
 * Declares that actors of a machine are durable.
 * @throws LockstepError `bad-argument`, `machine-not-supported` with every cause, by path and with the way to write it
 */
export function durable<TMachine extends AnyStateMachine>(
  machine: TMachine,
  options: DurableOptions<NoInfer<TMachine>>,
): DurableMachine<TMachine> {
  checkDeclared(options as DurableOptions<never>);
  const { name, version } = options;
  const tasks = new Map(Object.entries(options.tasks ?? {}) as [string, TaskDefinition][]);
  const actions = new Map(Object.entries(options.actions ?? {}) as [string, ActionDefinition][]);
  const { digest, troubles } = inspectMachine(machine, { name, version, tasks, actions });
  if (troubles.length > 0) {
    throw new LockstepError(
      "machine-not-supported",
      `expected a machine that can be made durable, found in "${name}": ${troubles.join("; ")}`,
      { machine: name, troubles },
    );
  }
  const migrate = new Map(Object.entries(options.migrate ?? {}));
  for (const from of migrate.keys()) {
    if (valid(from) === from && lt(from, version)) continue;
    throw new LockstepError(
      "bad-argument",
      `migrate of "${name}@${version}": expected semantic versions below ${version}, found ${JSON.stringify(from)}`,
    );
  }
  const prepared = [...tasks].map(([task, given]) => [task, preparedTask(task, given)] as const);
  return {
    ...{ machine, name, version, digest, actions },
    tasks: new Map(prepared),
    migrate,
  };
}

function preparedTask(name: string, task: TaskDefinition): PreparedTask {
  const { run, retry = {}, timeout, heartbeat } = task;
  const { attempts = 1, backoff = "1s..1m", retryable = () => true } = retry;
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new LockstepError(
      "bad-argument",
      `tasks.${name}.retry.attempts: expected a whole number from 1, found ${attempts}`,
    );
  }
  return {
    run,
    retryable,
    attemptsMax: attempts,
    backoffMs: parseBackoff(`tasks.${name}.retry.backoff`, backoff),
    timeoutMs: timeout === undefined ? null : parseDuration(`tasks.${name}.timeout`, timeout),
    heartbeatMs:
      heartbeat === undefined ? null : parseDuration(`tasks.${name}.heartbeat`, heartbeat),
  };
}
