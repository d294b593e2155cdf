import { createHash } from "node:crypto";
import type { AnyStateMachine, SnapshotFrom } from "xstate";
import { isLockstepError, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Tracing } from "../ports/tracing/tracing.ts";
import type { Actors } from "./actor/actors.ts";
import type { Appender } from "./actor/appender.ts";
import { type Appending, type Applied, type Decision, unknownActor } from "./actor/applying.ts";
import { checkedId, checkedKey, checkMachine, isCallersType } from "./actor/checked-names.ts";
import type { DatabaseClock } from "./actor/database-clock.ts";
import type { HintHub } from "./actor/hints/hint-hub.ts";
import { partitionOf } from "./actor/partition.ts";
import { createdEvent, firstStep, reasonFor } from "./actor/step.ts";
import { tracedStart } from "./actor/trace-transition.ts";
import { checkCheck, checkSend, checkStart } from "./call-options.ts";
import type { DurableMachine } from "./definition/durable.ts";
import type { Registry } from "./definition/registry.ts";
import type { AnyListQuery, Change, Engine, List, SendOptions, Sent, Why } from "./engine-api.ts";
import type { Entry } from "./journal/entry.ts";
import type { EngineStore } from "./journal/store.ts";
import { type CheckResult, checkNext } from "./migration/check.ts";
import { Reader } from "./reader.ts";
import { LiveSystem } from "./system/live-system.ts";
import type { RunStamp } from "./system/outcome.ts";
import { encode } from "./values/encode.ts";

/** The ports of a process that sends and reads. */
export interface ClientPorts {
  readonly store: EngineStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly random: Random;
  readonly tracing?: Tracing | null | undefined;
  readonly actors: Actors;
  readonly appender: Appender;
  readonly hints: HintHub;
  readonly compactor: { stop(): Promise<void> };
  readonly worker: { stop(): Promise<void> } | undefined;
}

function sentOf(applied: Applied): Sent {
  if (applied.kind !== "appended") {
    const { state, status, revision } = applied.tail;
    const outcome = applied.kind === "duplicate" ? "duplicate" : "ignored";
    return { outcome, state, status, revision };
  }
  const { outcome, state, status, revision, reason } = applied.entry;
  return { outcome, state, status, revision, ...(reason === undefined ? {} : { reason }) };
}

/** The public engine of one process. */
export class Client implements Engine {
  readonly #ports: ClientPorts;
  readonly #reader: Reader;
  readonly #closing = new AbortController();

  constructor(ports: ClientPorts) {
    this.#ports = ports;
    this.#reader = new Reader(ports, this.#closing.signal);
    // The chart's own actions may send to the actor after their transition.
    ports.actors.onOutside = (actor, birth, event) => {
      const { type } = event as { readonly type: string };
      const cause = { kind: "event", birth, event } as const;
      void this.#apply(actor, {}, ({ status }) =>
        status === "active" ? { kind: "child", cause, eventType: type, event } : null,
      ).catch(() => {});
    };
  }

  async start(
    durable: DurableMachine,
    options: { readonly id?: string; readonly input?: unknown } & SendOptions = {},
  ): Promise<string> {
    this.#checkOpen();
    checkStart(options);
    const { tracing } = this.#ports;
    if (!tracing) return this.#start(durable, options, undefined);
    return tracedStart(tracing, durable.name, (traced) => this.#start(durable, options, traced));
  }

  async #start(
    durable: DurableMachine,
    options: { readonly id?: string; readonly input?: unknown } & SendOptions,
    traced: RunStamp["traced"],
  ): Promise<string> {
    const { registry, databaseClock, store, appender, actors } = this.#ports;
    const { chart } = registry.of(durable);
    const { input, session } = options;
    const actor = this.#idFor(durable, options);
    // A value that cannot be kept is refused before the machine runs.
    const event = createdEvent(input);
    const nowMs = await databaseClock.nowMs();
    const [live, outcome] = LiveSystem.begin(
      { chart, onOutside: (birth, event) => actors.onOutside(actor, birth, event) },
      input,
      { actor, startedAtMs: nowMs, revision: 0, nowMs, traced },
    );
    const { name: machine, version } = durable;
    const partition = partitionOf(machine, actor);
    const base = { actor, machine, version, partition, nonce: actors.nonce(session) };
    if (outcome.failure) throw notStarted(actor, outcome.failure.error);
    const step = firstStep(base, outcome, { event, nowMs });
    if (session !== undefined) {
      // A refused entry would end the transaction of a unit that is repeated.
      const found = await store.entryOf(actor, 0, session);
      if (found) checkSameStart(step.entry, found);
      else await store.append([step.entry], { session });
      return actor;
    }
    const result = await actors.start(step, live, appender);
    if (result.kind === "appended") return actor;
    const found = await store.entryOf(actor, 0);
    if (found === undefined) throw unknownActor(actor);
    checkSameStart(step.entry, found);
    return actor;
  }

  async send(
    durable: DurableMachine,
    id: string,
    event: { readonly type: string },
    options: SendOptions = {},
  ): Promise<Sent> {
    this.#checkOpen();
    this.#ports.registry.of(durable);
    checkSend(options);
    checkEvent(event);
    const key = options.key === undefined ? {} : { key: `caller:${checkedKey(options.key)}` };
    // A value that cannot be kept is refused before the actor is touched.
    const eventText = encode(event, { where: "event" });
    const cause = { kind: "event", birth: 0, event } as const;
    const applied = await this.#apply(id, options, (tail) => {
      checkMachine(tail, durable);
      if (tail.status !== "active") return null;
      return { kind: "caller", cause, eventType: event.type, eventText, ...key };
    });
    if (applied.kind === "void" && options.key !== undefined) {
      const known = await this.#ports.store.byKey(id, `caller:${options.key}`);
      if (known) return sentOf({ kind: "duplicate", tail: applied.tail });
    }
    return sentOf(applied);
  }

  async stop(id: string): Promise<Sent> {
    this.#checkOpen();
    const applied = await this.#apply(id, {}, ({ status }) =>
      status === "active" ? "stop" : null,
    );
    return sentOf(applied);
  }

  get<TMachine extends AnyStateMachine>(
    durable: DurableMachine<TMachine>,
    id: string,
  ): Promise<SnapshotFrom<TMachine>> {
    return this.#reader.get(durable, id);
  }

  waitFor<TMachine extends AnyStateMachine>(
    durable: DurableMachine<TMachine>,
    id: string,
    condition: (snapshot: SnapshotFrom<TMachine>) => boolean,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<SnapshotFrom<TMachine>> {
    return this.#reader.waitFor(durable, id, condition, options);
  }

  watch(
    durable: DurableMachine,
    id: string,
    options: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Change> {
    return this.#reader.watch(durable, id, options);
  }

  list(query: AnyListQuery = {}): Promise<List> {
    return this.#reader.list(query);
  }

  history(...[id, options]: Parameters<Engine["history"]>): Promise<readonly Change[]> {
    return this.#reader.history(id, options);
  }

  why(id: string): Promise<Why> {
    return this.#reader.why(id);
  }

  async check(...[next, options = {}]: Parameters<Engine["check"]>): Promise<CheckResult> {
    this.#checkOpen();
    checkCheck(next, options);
    const { store, registry } = this.#ports;
    return checkNext(store, next, registry.machines, options);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    await this.#ports.worker?.stop();
    await this.#ports.compactor.stop();
    await this.#ports.appender.idle();
    await this.#ports.store.close();
  }

  #apply(
    id: string,
    { session }: SendOptions,
    decide: (tail: Entry) => Decision,
  ): Promise<Applied> {
    const { actors, appender } = this.#ports;
    const appending: Appending = session === undefined ? { appender } : { appender, session };
    return actors.apply(checkedId(id), appending, decide);
  }

  #checkOpen(): void {
    this.#closing.signal.throwIfAborted();
  }

  /** The id of a start. A key gives the same one each time. */
  #idFor({ name }: DurableMachine, { id, key }: { readonly id?: string; readonly key?: string }) {
    if (id !== undefined && key !== undefined) throw twoNames(id);
    if (id !== undefined) return checkedId(id);
    if (key === undefined) return checkedId(`${name}-${this.#ports.random.hex(10)}`);
    const digest = createHash("sha256")
      .update(JSON.stringify([name, checkedKey(key)]))
      .digest("hex");
    return checkedId(`${name}-${digest.slice(0, 32)}`);
  }
}

function closed(): LockstepError {
  return new LockstepError(
    "aborted",
    "expected an engine that is open, found that it was closed: create another one",
  );
}

function twoNames(id: string): LockstepError {
  return new LockstepError(
    "bad-argument",
    `expected an id or a key for a start, found both: a start counts once by its id, so leave the key of "${id}" out`,
    { id },
  );
}

/** @throws LockstepError `duplicate-start` where the first entry of an actor is of another start */
function checkSameStart({ actor, machine, event }: Entry, found: Entry): void {
  if (found.machine === machine && found.event === event) return;
  throw new LockstepError(
    "duplicate-start",
    `expected to start "${actor}" of "${machine}", found that it was started before as an actor of "${found.machine}" with ${found.event === event ? "the same" : "another"} input: choose another id, or send to it`,
    { actor, machine, found: found.machine },
  );
}

function notStarted(actor: string, error: unknown): LockstepError {
  const { code, message } = reasonFor(error);
  return new LockstepError(
    isLockstepError(error) ? error.code : "event-rejected",
    `expected "${actor}" to start, found that its machine fails at once: ${message}`,
    { actor, code },
    { cause: error },
  );
}

function checkEvent(event: { readonly type: string }): void {
  const type: unknown = (event as { readonly type?: unknown } | null | undefined)?.type;
  const isFine =
    typeof type === "string" &&
    type.length > 0 &&
    type.length <= limits.eventTypeLengthMax &&
    isCallersType(type);
  if (isFine) return;
  throw new LockstepError(
    "bad-argument",
    `expected an event with a type of its own of 1 to ${limits.eventTypeLengthMax} characters, found ${JSON.stringify(String(type).slice(0, 100))}: types that begin with "xstate." or "lockstep." belong to XState and the engine, except for "xstate.route"`,
  );
}
