import type { ClientSession } from "mongodb";
import type { EventObject } from "xstate";
import { assert, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Tracing } from "../../../ports/tracing/tracing.ts";
import type { Appending } from "../../actor/applying.ts";
import type { DatabaseClock } from "../../actor/database-clock.ts";
import type { Registered, Registry } from "../../definition/registry.ts";
import type { Entry, WorkRecord } from "../../journal/entry.ts";
import type { EngineStore, WorkAttempt } from "../../journal/store.ts";
import type { Settled } from "../../system/xstate/stub-logic.ts";
import { isActorRef } from "../../system/xstate/xstate-internals.ts";
import { decode } from "../../values/decode.ts";
import { encode } from "../../values/encode.ts";
import type { Ownership } from "../partition/partition-runner.ts";
import { ActorWork } from "./actor-work.ts";
import { type HeldTransaction, holdTransaction } from "./held-transaction.ts";
import { type ChildrenPorts, LiveChildren } from "./live-children.ts";
import type { LiveChild } from "./live-logic.ts";
import { type Running, runWork, type WorkPolicy } from "./run-work.ts";
import { Slots } from "./slots.ts";
import { outsideIntent, settledIntent } from "./work-intents.ts";

/** The ports of the start of work. */
export interface StarterPorts extends ChildrenPorts {
  readonly store: EngineStore;
  readonly registry: Registry;
  readonly databaseClock: DatabaseClock;
  readonly tracing?: Tracing | null | undefined;
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

/** Starts the work of actors in this process. */
export class WorkStarter {
  /** After a takeover much work begins at once. Its calls must not keep the lease waiting for a connection. */
  readonly #calls = new Slots(limits.workCallsAtOnce);
  readonly #turns: Partial<Record<WorkRecord["kind"], Slots>>;
  readonly #ports: StarterPorts;
  readonly #children: LiveChildren;

  constructor(ports: StarterPorts) {
    this.#ports = ports;
    this.#children = new LiveChildren(ports);
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
      (id, pending) => this.#children.beforeEnd(id, pending),
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
    const announced = record.kind === "live" ? this.#children.announce(actor, record) : undefined;
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
      void this.#children.report(actor, outsideIntent(birth, event as EventObject), signal);
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
      this.#children.run(actor, record, durable.machine, { input, signal, started });
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
        return {
          ...actionPolicy,
          run: async (event) => this.#children.deliver(actor, record, event),
        };
      case "live":
        return {
          ...livePolicy,
          run: async (input, { signal }) => kept(await toEnd(input, signal)),
        };
    }
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
