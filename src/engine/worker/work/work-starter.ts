import type { ClientSession } from "mongodb";
import type { AnyActorLogic, AnyStateMachine, EventObject } from "xstate";
import { assert, isPassing, LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Tracing } from "../../../ports/tracing/tracing.ts";
import type { Actors, Appending } from "../../actor/actors.ts";
import type { DatabaseClock } from "../../actor/database-clock.ts";
import type { Intent } from "../../actor/step.ts";
import type { Registered, Registry } from "../../definition/registry.ts";
import type { Entry, WorkRecord } from "../../journal/entry.ts";
import type { EngineStore, WorkAttempt } from "../../journal/store.ts";
import type { Settled } from "../../system/xstate/stub-logic.ts";
import { isActorRef, isMachine } from "../../system/xstate/xstate-internals.ts";
import { decode } from "../../values/decode.ts";
import { encode } from "../../values/encode.ts";
import type { Ownership } from "../partition/partition-runner.ts";
import { ActorWork } from "./actor-work.ts";
import { type HeldTransaction, holdTransaction } from "./held-transaction.ts";
import { type LiveChild, startLive } from "./live-logic.ts";
import { type Running, runWork, type WorkPolicy } from "./run-work.ts";
import { Slots } from "./slots.ts";
import { emittedIntent, outsideIntent, parentIntent, settledIntent } from "./work-intents.ts";

/** The ports of the start of work. */
export interface StarterPorts {
  readonly store: EngineStore;
  readonly actors: Actors;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly log: Log;
  readonly tracing?: Tracing | null | undefined;
  readonly fenced: Appending;
  /** See `EngineOptions.tasksAtOnce`. */
  readonly tasksAtOnce: number;
  /** The append of an entry in a transaction, with the worker's fence. */
  inTransaction(session: ClientSession): Appending;
}

/** An action is tried until it is done: nobody waits for its failure. */
const actionPolicy = {
  attemptsMax: Number.POSITIVE_INFINITY,
  backoffMs: { first: 1_000, longest: 60_000 },
  retryable: () => true,
  ...{ timeoutMs: null, heartbeatMs: null },
};
const livePolicy = { ...actionPolicy, attemptsMax: 1 };

/** One run of the machine's own logic. */
interface LiveRun {
  readonly input: unknown;
  readonly signal: AbortSignal;
  /** Called with the child at its start. */
  readonly started: ((child: LiveChild) => void) | undefined;
}

/** Starts the work of actors in this process. */
export class WorkStarter {
  /** After a takeover much work begins at once. Its calls must not keep the lease waiting for a connection. */
  readonly #calls = new Slots(limits.workCallsAtOnce);
  readonly #turns: Partial<Record<WorkRecord["kind"], Slots>>;
  readonly #ports: StarterPorts;
  /** The children that run here or are about to. A message waits for its child. */
  readonly #live = new Map<string, Promise<LiveChild | undefined>>();
  /** For each child that runs here, by the id of its work: hands it the events that were sent to it before its end. */
  readonly #endings = new Map<string, (pending: readonly WorkRecord[]) => void>();

  constructor(ports: StarterPorts) {
    this.#ports = ports;
    const { tasksAtOnce } = ports;
    // Children that live in the process wait for nothing: they may live for ever.
    this.#turns = { task: new Slots(tasksAtOnce), action: new Slots(tasksAtOnce) };
  }

  /** The work of one actor from now on. */
  start(entry: Entry, ownership: Ownership): ActorWork {
    const { actor, machine } = entry;
    const { registry, log } = this.#ports;
    const work = new ActorWork(
      (record, version) => {
        const registered = registry.find(machine, version) ?? registry.runnerOf(machine, version);
        assert(registered, "a worker starts only work of machines that it has", {
          ...{ machine, version },
        });
        return this.#run(actor, record, registered, ownership);
      },
      ({ id, name }, error) =>
        log.error(
          { actor, work: name, workId: id, error: messageOf(error) },
          "work could not be started, and stays pending",
        ),
      (id, pending) => this.#endings.get(id)?.(pending),
    );
    work.follow(entry);
    return work;
  }

  #run(
    actor: string,
    record: WorkRecord,
    registered: Registered,
    { signal, fence, sinceMs }: Ownership,
  ): Running {
    const { clock, log, tracing, store, databaseClock } = this.#ports;
    const announced = record.kind === "live" ? this.#announce(actor, record) : undefined;
    const policy = this.#policyOf(actor, record, registered, announced?.started);
    let isNoted = false;
    const running = runWork(record, actor, policy, {
      ...{ clock, log, tracing, fence },
      signals: [signal],
      nowMs: async () => databaseClock.nowMs(),
      openTransaction: (act, signal) => holdTransaction(this.#ports.store, act, signal),
      // Only an owner before this one can have begun it.
      before: async () => {
        if (record.askedAtMs >= sinceMs) return undefined;
        isNoted = true;
        return this.#calls.run(() => this.#attemptsBefore(record, sinceMs));
      },
      saveAttempt: (attempt) => {
        isNoted = true;
        return this.#calls.run(() => store.saveAttempt(attempt));
      },
      input: () => this.#inputOf(actor, record, signal),
      inTurn: (act, signal) => this.#turns[record.kind]?.run(act, signal) ?? act(),
      record: ({ settled, transaction }) => this.#record(actor, record, settled, transaction),
    });
    void running.ended.then(() => {
      announced?.ended();
      // Where this worker loses the actor, another one counts on.
      if (!isNoted || signal.aborted) return;
      this.#calls.run(() => store.removeAttempts([record.id])).catch(() => {});
    });
    return running;
  }

  /** A live child is known before it runs, since it takes a while to begin. */
  #announce(actor: string, { birth }: WorkRecord) {
    const key = `${actor}/${birth}`;
    let started: (child: LiveChild | undefined) => void = () => {};
    const child = new Promise<LiveChild | undefined>((resolve) => {
      started = resolve;
    });
    this.#live.set(key, child);
    const ended = () => {
      started(undefined);
      if (this.#live.get(key) === child) this.#live.delete(key);
    };
    return { started, ended };
  }

  /** The attempts of work that a worker left behind. The one that it may have begun counts. */
  async #attemptsBefore({ id }: WorkRecord, sinceMs: number): Promise<WorkAttempt> {
    const { store } = this.#ports;
    const [known] = await store.attempts([id]);
    const lastError = known?.lastError ?? "the worker of the first attempt is gone";
    const before = { ...{ failures: 0, nextAtMs: null }, ...known, lastError };
    const isWaiting = known?.nextAtMs != null && known.nextAtMs >= sinceMs;
    const attempt = isWaiting ? known.attempt : (known?.attempt ?? 0) + 1;
    const counted = { ...before, work: id, attempt };
    await store.saveAttempt(counted);
    return counted;
  }

  /** The input as the system has it, with references to actors. Only those need the actor. */
  async #inputOf(actor: string, { input }: WorkRecord, signal: AbortSignal): Promise<unknown> {
    let hasReferences = false;
    const later = () => {
      hasReferences = true;
    };
    const value = decode(input, { later });
    if (!hasReferences) return value;
    const tail = await this.#ports.actors.tail(actor);
    assert(tail, "an actor with work has a tail", { actor });
    const send = (birth: number, event: object) =>
      void this.#report(actor, outsideIntent(birth, event as EventObject), signal);
    return this.#ports.actors.read(tail, send).decode(input);
  }

  #policyOf(
    actor: string,
    record: WorkRecord,
    { durable }: Registered,
    started?: (child: LiveChild) => void,
  ): WorkPolicy {
    const { name, kind } = record;
    const toEnd = (input: unknown, signal: AbortSignal) =>
      this.#liveToEnd(actor, record, durable.machine, { input, signal, started });
    switch (kind) {
      case "task": {
        const task = durable.tasks.get(name);
        assert(task, "a machine has the tasks that it asks for", { name });
        const run = task.run ?? ((input, { signal }) => toEnd(input, signal));
        return { ...task, run: async (input, context) => kept(await run(input, context)) };
      }
      case "action": {
        const action = durable.actions.get(name);
        assert(action, "a machine has the actions that it asks for", { name });
        return { ...actionPolicy, run: (params, context) => action(params, context) };
      }
      case "message":
        return { ...actionPolicy, run: async (event) => this.#deliver(actor, record, event) };
      case "live":
        return {
          ...livePolicy,
          run: async (input, { signal }) => kept(await toEnd(input, signal)),
        };
    }
  }

  async #deliver(actor: string, { birth, id }: WorkRecord, event: unknown): Promise<void> {
    const child = await this.#live.get(`${actor}/${birth}`);
    child?.hear(id, event as EventObject);
  }

  /** Runs the machine's own logic in this process until it ends. Its events and values go to the actor meanwhile. */
  async #liveToEnd(
    actor: string,
    record: WorkRecord,
    machine: AnyStateMachine,
    { input, signal, started }: LiveRun,
  ): Promise<unknown> {
    const logic = await this.#logicOf(actor, record, machine);
    signal.throwIfAborted();
    // In their order, and all of them before the end.
    let reported = Promise.resolve();
    const report = (decide: (tail: Entry) => Intent | null) => {
      reported = reported.then(() => this.#report(actor, decide, signal));
    };
    const whole = new Promise((resolve, reject) => {
      const child = startLive(logic, input, {
        settled(settled) {
          if (settled.kind === "done") resolve(settled.output);
          else if (settled.kind === "error") reject(settled.error);
          else report(settledIntent(record, settled));
        },
        event: (event) => report(parentIntent(record, event)),
        emitted: (event) => report(emittedIntent(record, event)),
      });
      started?.(child);
      this.#endings.set(record.id, (pending) => hearLast(child, record, pending));
      const stop = () => {
        child.stop();
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
    });
    try {
      return await whole;
    } finally {
      this.#endings.delete(record.id);
      await reported;
    }
  }

  /**
   * Appends what live work reports, again while the database is away: the work itself says it once. The key makes a repeat
   * count once where an append took effect and its answer was lost.
   */
  async #report(
    actor: string,
    decide: (tail: Entry) => Intent | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { actors, fenced, log, clock } = this.#ports;
    const key = `live:${actors.nonce()}`;
    const decideKeyed = (tail: Entry) => {
      const intent = decide(tail);
      return intent && { ...intent, key };
    };
    while (!signal.aborted) {
      try {
        await actors.apply(actor, fenced, decideKeyed);
        return;
      } catch (error) {
        log.warn({ actor, error: messageOf(error) }, "what live work reports is not appended yet");
        if (!isPassing(error)) return;
        await clock.sleep(limits.recordRetryMs, signal);
      }
    }
  }

  async #logicOf(
    actor: string,
    { name, birth, parent }: WorkRecord,
    machine: AnyStateMachine,
  ): Promise<AnyActorLogic> {
    // A child machine may have other logic of the same name.
    const named: unknown = parent === 0 ? machine.implementations.actors[name] : undefined;
    if (named !== undefined) return named as AnyActorLogic;
    const tail = await this.#ports.actors.tail(actor);
    const logic = tail && this.#ports.actors.read(tail).ownLogicOf(birth);
    if (logic === undefined || isMachine(logic)) {
      throw new LockstepError("machine-not-supported", `expected logic for "${name}", found none`);
    }
    return logic;
  }

  /** Appends a result, in the transaction of its attempt if it has one. A result that is not asked for any more is dropped. */
  async #record(
    actor: string,
    record: WorkRecord,
    settled: Settled,
    transaction: HeldTransaction | null,
  ): Promise<void> {
    const { actors, fenced } = this.#ports;
    const plain = transaction ? this.#ports.inTransaction(transaction.session) : fenced;
    const appending = record.trace === undefined ? plain : { ...plain, under: record.trace };
    try {
      const applied = await actors.apply(actor, appending, settledIntent(record, settled));
      if (applied.kind === "appended") {
        await transaction?.commit();
        applied.committed?.();
      } else await transaction?.abort();
    } catch (error) {
      await transaction?.abort();
      throw error;
    }
  }
}

/**
 * A result that cannot be kept fails its attempt: its transaction must not commit, and the machine can answer.
 * @throws LockstepError `value-not-kept`
 */
function kept(output: unknown): unknown {
  encode(output, { where: "output", reference: (object) => (isActorRef(object) ? "" : null) });
  return output;
}

/** A message with a reference to an actor comes too late: to look the actor up takes a while. */
function hearLast(child: LiveChild, { birth }: WorkRecord, pending: readonly WorkRecord[]): void {
  for (const { kind, birth: target, id, input } of pending) {
    if (kind !== "message" || target !== birth) continue;
    let hasReferences = false;
    const event = decode(input, {
      later: () => {
        hasReferences = true;
      },
    });
    if (!hasReferences) child.hear(id, event as EventObject);
  }
}
