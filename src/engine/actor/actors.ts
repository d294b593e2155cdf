import { assert, isAway, LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Tracing } from "../../ports/tracing/tracing.ts";
import type { Registry } from "../definition/registry.ts";
import { type Entry, isLater, type Place } from "../journal/entry.ts";
import type { Appended, EngineStore } from "../journal/store.ts";
import { toLatest } from "../migration/to-latest.ts";
import { LiveSystem, type SystemOptions } from "../system/live-system.ts";
import { type Appending, type Applied, type Decision, unknownActor } from "./applying.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { type Handle, Handles } from "./handles.ts";
import { carriedOutStep, nextStep, type Step, stoppedStep } from "./step.ts";
import { TailReader } from "./tail-reader.ts";
import { tracedApply } from "./trace-transition.ts";

/** The ports of the actors of one process. */
export interface ActorsPorts {
  readonly store: EngineStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly random: Random;
  readonly log: Log;
  readonly tracing?: Tracing | null | undefined;
  /** Called with an entry that has replaced a large snapshot. */
  readonly onLargeReplaced: (entry: Entry) => void;
}

const nothing = Promise.resolve();

/**
 * The actors of which this process knows the latest entry. Any process may append to any actor: `{actor, revision}` is
 * the lock, and the loser of a conflict reads the new tail and tries again.
 */
export class Actors {
  readonly #ports: ActorsPorts;
  readonly #handles: Handles;
  readonly #listeners = new Set<(entry: Entry) => void>();
  readonly #uncertain = new Set<(entry: Entry) => void>();
  /** The nonces of this process begin so. */
  readonly nonces: string;
  #nonceCount = 0;
  /** Called with an event that code outside a transition sends to an actor. */
  onOutside: (actor: string, birth: number, event: object) => void = () => {};

  readonly #tails: TailReader;

  constructor(ports: ActorsPorts) {
    this.#ports = ports;
    this.#tails = new TailReader(ports.store);
    this.#handles = new Handles(ports.clock);
    this.nonces = `${ports.random.hex(8)}-`;
  }

  /**
   * See `Entry.nonce`. In a caller's transaction it is not one of this process's own: the process hears of the entry as
   * others do, once the transaction has committed.
   */
  nonce(session?: unknown): string {
    this.#nonceCount += 1;
    const own = `${this.nonces}${this.#nonceCount.toString(36)}`;
    return session === undefined ? own : `in-${own}`;
  }

  /** Calls back with each entry that this process has appended. */
  onAppended(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back with each entry whose append had no answer: it may take effect yet. */
  onUncertain(listener: (entry: Entry) => void): () => void {
    this.#uncertain.add(listener);
    return () => this.#uncertain.delete(listener);
  }

  /**
   * Appends the entry of an intent to an actor, after all that this process sends to it before.
   * @param revision one that the actor has reached, if it is known: its tail is found faster then
   */
  apply(
    actor: string,
    appending: Appending,
    decide: (tail: Entry) => Decision,
    revision?: number,
  ): Promise<Applied> {
    const { tracing } = this.#ports;
    if (!tracing) return this.#apply(actor, appending, decide, revision);
    return tracedApply(tracing, actor, appending, (traced) =>
      this.#apply(actor, traced, decide, revision),
    );
  }

  #apply(
    actor: string,
    appending: Appending,
    decide: (tail: Entry) => Decision,
    revision: number | undefined,
  ): Promise<Applied> {
    return this.#alone(actor, (handle) =>
      appending.session === undefined
        ? this.#applyShared(actor, handle, appending, decide, revision)
        : this.#applyInSession(actor, handle, appending, decide),
    );
  }

  /** Appends the first entry of an actor. */
  start(step: Step, live: LiveSystem, appender: Appending["appender"]): Promise<Appended> {
    return this.#alone(step.entry.actor, async (handle) => {
      const result = await this.#append(appender, step.entry);
      if (result.kind === "appended") {
        this.#keep(handle, step.entry, live);
        this.#committed(step);
      }
      return result;
    });
  }

  /**
   * An entry that the journal holds: an older one is not taken for the latest any more. False where this process has
   * heard of a later one, since the entry was read.
   */
  learn({ actor, startedAtMs, revision }: Entry): boolean {
    const handle = this.#handles.find(actor);
    const place: Place = { startedAtMs, revision };
    if (handle?.heard !== undefined && isLater(handle.heard, place)) return false;
    if (handle) handle.heard = place;
    return true;
  }

  /** The system of an entry, for reading, in the version in which it would go on. Without `onOutside`, its events to work outside the system are dropped. */
  read(entry: Entry, onOutside: SystemOptions["onOutside"] = () => {}): LiveSystem {
    const migrated = toLatest(this.#ports.registry, entry, { nowMs: entry.atMs, nonce: "" });
    return this.#revive(migrated?.entry ?? entry, onOutside);
  }

  async #applyShared(
    actor: string,
    handle: Handle,
    appending: Appending,
    decide: (tail: Entry) => Decision,
    revision: number | undefined,
  ): Promise<Applied> {
    for (let attempt = 1; attempt <= limits.engineConflictsMax; attempt += 1) {
      const known = this.#latestOf(handle);
      const tail = known ?? (await this.#load(actor, revision));
      const nowMs = this.#ports.databaseClock.nowMs();
      const atMs = typeof nowMs === "number" ? nowMs : await nowMs;
      const made = this.#make(tail, handle.live, decide, atMs, appending);
      if (made === null) {
        // A decision not to append meets no conflict, so nothing would show that the known entry is old.
        if (known !== undefined) {
          this.#drop(handle);
          continue;
        }
        handle.tail = tail;
        return { kind: "void", tail };
      }
      const { step, live } = made;
      // The system has gone on. It is right again only once the entry is durable.
      this.#drop(handle);
      const result = await this.#append(appending.appender, step.entry);
      if (result.kind === "appended") {
        this.#keep(handle, step.entry, live);
        this.#committed(step);
        if (step.entry.kind !== "migrated") return { kind: "appended", entry: step.entry };
        continue;
      }
      if (result.kind === "duplicate") {
        return { kind: "duplicate", tail: await this.#load(actor) };
      }
      await this.#ports.clock.sleep(
        Math.min(attempt - 1, limits.engineConflictPauseMsMax),
        undefined,
      );
    }
    throw new LockstepError(
      "conflict",
      `expected to append to "${actor}", found that other processes kept appending before: try again`,
      { actor },
    );
  }

  /** In the caller's transaction: a conflict ends it, and what was appended may be taken back. */
  async #applyInSession(
    actor: string,
    handle: Handle,
    appending: Appending,
    decide: (tail: Entry) => Decision,
  ): Promise<Applied> {
    const { session, fence } = appending;
    const { store } = this.#ports;
    const steps: Step[] = [];
    this.#drop(handle);
    for (let migrations = 0; ; migrations += 1) {
      assert(migrations < limits.engineConflictsMax, "migrations come to an end", { actor });
      const tail = await store.tail(actor, session);
      if (tail === undefined) throw unknownActor(actor);
      const atMs = await this.#ports.databaseClock.nowMs();
      const made = this.#make(tail, undefined, decide, atMs, appending);
      if (made === null) return { kind: "void", tail };
      const { entry } = made.step;
      await store.append([entry], fence === undefined ? { session } : { session, fence });
      steps.push(made.step);
      if (entry.kind === "migrated") continue;
      const committed = () => {
        for (const step of steps) this.#committed(step);
      };
      return { kind: "appended", entry, committed };
    }
  }

  /** The next step of an actor: a migration to the latest version comes first. */
  #make(
    tail: Entry,
    known: LiveSystem | undefined,
    decide: (tail: Entry) => Decision,
    atMs: number,
    { session, traced }: Appending,
  ): { readonly step: Step; readonly live: LiveSystem | undefined } | null {
    const intent = decide(tail);
    if (intent === null) return null;
    const { actor } = tail;
    const stamp = { nowMs: Math.max(atMs, tail.atMs), nonce: this.nonce(session), traced };
    if (intent === "stop") return { step: stoppedStep(tail, stamp), live: undefined };
    const migrated = toLatest(this.#ports.registry, tail, stamp);
    if (migrated) return { step: migrated, live: undefined };
    if (intent === "migrate") return null;
    const ended = carriedOutStep(tail, intent, stamp);
    if (ended) return { step: ended, live: undefined };
    const live = known ?? this.#revive(tail, (birth, event) => this.onOutside(actor, birth, event));
    const { step, isUsable } = nextStep(live, tail, intent, stamp);
    return { step, live: isUsable ? live : undefined };
  }

  #revive(tail: Entry, onOutside: (birth: number, event: object) => void): LiveSystem {
    const { actor, machine, version } = tail;
    const registered = this.#ports.registry.find(machine, version);
    if (!registered) {
      throw new LockstepError(
        "entry-not-readable",
        `expected a machine of this process, found that "${actor}" is an actor of "${machine}@${version}": add it to \`machines\` of createEngine, or give a newer version a way to migrate from it`,
        { actor, machine, version },
      );
    }
    return LiveSystem.revive({ chart: registered.chart, onOutside }, tail);
  }

  #latestOf(handle: Handle): Entry | undefined {
    const { tail, heard } = handle;
    if (tail === undefined || heard === undefined || !isLater(heard, tail)) return tail;
    this.#drop(handle);
    return undefined;
  }

  /**
   * The latest entry of an actor. Reads of many actors at once are shared.
   * @param revision one that the actor has reached, if it is known
   */
  tail(actor: string, revision?: number): Promise<Entry | undefined> {
    return this.#tails.read(actor, revision);
  }

  async #load(actor: string, revision?: number): Promise<Entry> {
    const tail = await this.tail(actor, revision);
    if (tail === undefined) throw unknownActor(actor);
    return tail;
  }

  async #append(appender: Appending["appender"], entry: Entry): Promise<Appended> {
    try {
      return await appender.append(entry);
    } catch (error) {
      if (isAway(error)) for (const listener of this.#uncertain) listener(entry);
      throw error;
    }
  }

  #committed({ entry, closures, logged, replacedLength }: Step): void {
    const { log, onLargeReplaced } = this.#ports;
    if (replacedLength > limits.keptSnapshotLengthMax) onLargeReplaced(entry);
    for (const words of logged) log.info({ actor: entry.actor, words }, "the machine logs");
    for (const closure of closures) {
      try {
        void Promise.resolve(closure()).catch((error: unknown) =>
          this.#closureFailed(entry, error),
        );
      } catch (error) {
        this.#closureFailed(entry, error);
      }
    }
    // The answer may have been so slow that a later entry has been known before.
    if (!this.learn(entry)) return;
    for (const listener of this.#listeners) listener(entry);
  }

  #closureFailed({ actor }: Entry, error: unknown): void {
    this.#ports.log.error(
      { actor, error: messageOf(error) },
      "an action of the machine itself failed after its commit",
    );
  }

  #keep(handle: Handle, tail: Entry, live: LiveSystem | undefined): void {
    handle.tail = tail;
    if (live && tail.status === "active") handle.live = live;
  }

  #drop(handle: Handle): void {
    delete handle.tail;
    delete handle.live;
  }

  #alone<Result>(actor: string, act: (handle: Handle) => Promise<Result>): Promise<Result> {
    const handle = this.#handles.take(actor);
    const result = (handle.last ?? nothing).then(() => act(handle));
    const end = () => {
      if (handle.last === last) delete handle.last;
      this.#handles.give(actor, handle);
    };
    const last = result.then(end, () => {
      this.#drop(handle);
      end();
    });
    handle.last = last;
    return result;
  }
}
