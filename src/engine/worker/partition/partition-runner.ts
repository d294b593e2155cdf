import { isAway, isDeposed, isLockstepError, isPassing, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { Clock } from "../../../ports/clock.ts";
import { createWakeUp } from "../../../ports/waiting/wake-up.ts";
import type { Actors } from "../../actor/actors.ts";
import type { Appending, Decision } from "../../actor/applying.ts";
import type { DatabaseClock } from "../../actor/database-clock.ts";
import type { HintHub } from "../../actor/hints/hint-hub.ts";
import { pauseAfter } from "../../definition/durations.ts";
import type { Registry } from "../../definition/registry.ts";
import type { Retention } from "../../definition/retention.ts";
import { type ActorRow, type Entry, nextTimerMs, rowOf } from "../../journal/entry.ts";
import type { EngineStore, PartitionRecord } from "../../journal/store.ts";
import { inFiringOrder } from "../../system/timer-table.ts";
import type { LeftAlone } from "../left-alone.ts";
import type { RowWriter } from "../row-writer.ts";
import type { ActorWork } from "../work/actor-work.ts";
import { type Due, DueHeap } from "./due-heap.ts";
import { Expiry } from "./expiry.ts";
import { HintedActors } from "./hinted-actors.ts";
import { SetAside } from "./set-aside.ts";
import { Sweeper } from "./sweeper.ts";

/** The ports of a partition's runner. */
export interface RunnerPorts {
  readonly store: EngineStore;
  readonly actors: Actors;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly log: Log;
  readonly rows: RowWriter;
  readonly hints: Pick<HintHub, "hasPassed">;
  readonly retention: Retention;
  readonly leftAlone: LeftAlone;
  /** Results and timers are appended with the worker's fence. */
  readonly fenced: Appending;
  startWork(entry: Entry, ownership: Ownership): ActorWork;
}

/** A worker's hold on a partition. */
export interface Ownership {
  /** Aborts when the worker gives the partition up, or loses it. */
  readonly signal: AbortSignal;
  /** Grows with each change of the owner. */
  readonly fence: number;
  /** Since when, by the database's clock. */
  readonly sinceMs: number;
}

/**
 * Runs the timers and the work of one partition, while this worker owns it. It knows the actors that are due soon; the
 * rows have all others.
 */
export class PartitionRunner {
  readonly #ports: RunnerPorts;
  readonly #record: PartitionRecord;
  readonly #closing = new AbortController();
  readonly #due = new DueHeap();
  readonly #work = new Map<string, ActorWork>();
  readonly #hinted: HintedActors;
  readonly #sweeper: Sweeper;
  readonly #aside = new SetAside();
  readonly #wake;
  readonly #wakeSweep;
  readonly #loops: readonly Promise<void>[];
  /** Rows that are due later than this are not in memory. */
  #horizonMs = 0;
  /** No row is due between the horizon and this time, by the database's clock. */
  #nextMs = 0;
  /** When the rows were read, by this process's clock. */
  #readAtMs = Number.NEGATIVE_INFINITY;
  readonly #sinceMs: number;

  /** @param sinceMs since when the worker owns the partition, by the database's clock */
  constructor(ports: RunnerPorts, record: PartitionRecord, sinceMs: number) {
    this.#ports = ports;
    this.#sinceMs = sinceMs;
    this.#record = record;
    this.#wake = createWakeUp(ports.clock);
    this.#wakeSweep = createWakeUp(ports.clock);
    this.#hinted = new HintedActors({
      ...{ store: ports.store, clock: ports.clock },
      onUnreadable: (error) =>
        this.#trouble(error, "an actor could not be read, and is left alone"),
    });
    this.#sweeper = new Sweeper(ports, record, {
      ...{ hinted: this.#hinted, signal: this.#closing.signal },
      note: (row) => this.#note(row),
    });
    const expiry = new Expiry(ports, record);
    const expire = () => expiry.run(this.#closing.signal);
    this.#loops = [
      this.#loop(() => this.#lookAfter(), limits.refillEveryMs, this.#wakeSweep),
      this.#runDue(),
      ...(expiry.isForEver ? [] : [this.#loop(expire, limits.expireEveryMs)]),
    ];
  }

  /** An entry that is durable. */
  entry(entry: Entry): void {
    if (this.#closing.signal.aborted) return;
    this.#note(rowOf(entry));
    this.#drive(entry);
  }

  /** Another process has appended an entry to this actor. */
  hint(actor: string, revision: number): void {
    this.#hinted.add(actor, revision);
    this.#wake.hint();
  }

  /** Hints may have been missed. */
  sweep(): void {
    this.#sweeper.requestSweep();
    this.#wakeSweep.hint();
  }

  /** Ends everything that runs here, and writes the rows. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("this worker gives the partition up"));
    await Promise.all([...this.#work.values()].map((work) => work.stop()));
    await Promise.allSettled(this.#loops);
    await this.#ports.rows.flush(this.#record.partition).catch(() => {});
  }

  #note(row: ActorRow): void {
    const { actor, dueAtMs, revision } = row;
    this.#sweeper.noted();
    if (dueAtMs !== null) this.#nextMs = Math.min(this.#nextMs, dueAtMs);
    const isNew = this.#ports.rows.note(row);
    // An older row may say less than is known: it only wakes the actor.
    if (dueAtMs === null) {
      if (isNew) this.#due.delete(actor, revision);
    } else if (dueAtMs <= this.#horizonMs) this.#wakeAt(actor, dueAtMs, revision);
  }

  #wakeAt(actor: string, dueAtMs: number, revision: number): void {
    this.#due.set(actor, dueAtMs, revision);
    this.#wake.hint();
  }

  /** Starts the work that an entry asks for, and ends what it does not ask for any more. */
  #drive(entry: Entry): void {
    if (this.#closing.signal.aborted) return;
    const { actor, revision, timers } = entry;
    const running = this.#work.get(actor);
    if (running && running.revision > revision) return;
    const isLeftAlone = this.#leavesAlone(entry);
    const work = isLeftAlone ? [] : entry.work;
    if (running) running.follow({ ...entry, work });
    else if (work.length > 0) {
      const ownership = {
        ...{ signal: this.#closing.signal, fence: this.#record.epoch, sinceMs: this.#sinceMs },
      };
      this.#work.set(actor, this.#ports.startWork(entry, ownership));
    }
    if (running && work.length === 0) void this.#forgetIdle(actor, running);
    const nextMs = isLeftAlone ? null : nextTimerMs(timers);
    // Work is under way from now on: only a deadline wakes the actor again. Its row says only that work is due, so no
    // refill brings that deadline.
    const isToKeep = nextMs !== null && (work.length > 0 || nextMs <= this.#horizonMs);
    if (isToKeep) this.#wakeAt(actor, nextMs, revision);
    else this.#due.delete(actor, revision);
  }

  /** Until work that was ended has really ended, the actor's next work has to wait for it. */
  async #forgetIdle(actor: string, work: ActorWork): Promise<void> {
    const isIdle = await work.isIdle();
    if (isIdle && this.#work.get(actor) === work) this.#work.delete(actor);
  }

  async #runDue(): Promise<void> {
    const { databaseClock } = this.#ports;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let waitMs: number = limits.refillEveryMs;
      try {
        await this.#lookAtHinted();
        const nowMs = await databaseClock.nowMs();
        const due = this.#due.take(nowMs, limits.dueActorsAtOnce);
        await Promise.all(due.map((each) => this.#wakeActor(each, nowMs)));
        if (due.length > 0) continue;
        const nextMs = this.#due.nextMs;
        if (nextMs !== null) waitMs = Math.max(1, nextMs - nowMs);
      } catch (error) {
        this.#trouble(error, "the due actors of a partition could not be run");
        waitMs = limits.workerRetryMs;
      }
      await this.#wake.wait(Math.min(waitMs, limits.refillEveryMs), signal);
    }
  }

  async #lookAtHinted(): Promise<void> {
    for (const tail of await this.#hinted.takeTails()) {
      if (!this.#ports.actors.learn(tail)) continue;
      this.#note(rowOf(tail));
      // The work of an older version starts once the actor is migrated.
      if (this.#isBehind(tail) && tail.work.length > 0) {
        this.#due.set(tail.actor, 0, tail.revision);
      } else this.#drive(tail);
    }
    if (this.#hinted.size > 0) this.#wake.hint();
  }

  /** An actor that is due: its timers fire in order, one transition each, and its work starts. */
  async #wakeActor({ actor, revision }: Due, nowMs: number): Promise<void> {
    try {
      const decide = (tail: Entry) => this.#decideDue(tail, nowMs);
      const known = revision < 0 ? undefined : revision;
      const applied = await this.#ports.actors.apply(actor, this.#ports.fenced, decide, known);
      this.#aside.delete(actor);
      // An entry that was appended has come by `entry` already.
      if (applied.kind === "appended" || !this.#ports.actors.learn(applied.tail)) return;
      this.#drive(applied.tail);
      if (this.#leavesAlone(applied.tail)) this.#aside.leave(actor, applied.tail.revision, nowMs);
    } catch (error) {
      this.#failed(actor, revision, nowMs, error);
    }
  }

  #decideDue(tail: Entry, nowMs: number): Decision {
    if (this.#ports.registry.lackOf(tail) !== null) return null;
    const timer = inFiringOrder(tail.timers).find(({ dueAtMs }) => dueAtMs <= nowMs);
    if (timer === undefined) return this.#isBehind(tail) ? "migrate" : null;
    return {
      ...{ kind: "timer", key: `timer:${timer.id}` },
      cause: { kind: "timer", id: timer.id },
      ...{ eventType: timer.eventType, eventText: timer.event },
    };
  }

  /** An actor could not be run. It is tried again later, unless a later entry becomes known meanwhile. */
  #failed(actor: string, revision: number, nowMs: number, error: unknown): void {
    const said = "an actor that is due could not be run";
    if (isPassing(error)) {
      this.#trouble(error, said);
      if (!isDeposed(error)) this.#due.set(actor, nowMs + limits.workerRetryMs, -1);
      return;
    }
    const isLeftAlone =
      isLockstepError(error, "entry-not-readable") || isLockstepError(error, "migration-refused");
    if (isLeftAlone) {
      this.#aside.leave(actor, revision, nowMs);
      const { machine, version, from } = error.details;
      const of = { machine, version: version ?? from };
      this.#ports.leftAlone.say(actor, of, error.message, error.code);
      return;
    }
    const { failures, untilMs } = this.#aside.failed(actor, revision, nowMs);
    this.#due.set(actor, untilMs, -1);
    // Each power of two: a broken actor does not fill the log.
    if (Number.isInteger(Math.log2(failures)))
      this.#trouble(error, said, { actor, attempt: failures });
  }

  #isBehind({ machine, version }: Entry): boolean {
    return this.#ports.registry.waysOf(machine).from(version).length > 0;
  }

  /** True where this worker cannot go on with an actor. */
  #leavesAlone(entry: Entry): boolean {
    const lack = this.#ports.registry.lackOf(entry);
    if (lack === null) return false;
    this.#ports.leftAlone.say(entry.actor, entry, `it lacks ${lack}`, lack);
    return true;
  }

  /** The horizon moves on first, so that a head which a sweep finds is either in memory or in the next refill. */
  async #lookAfter(): Promise<void> {
    await this.#sweeper.takeMark();
    await this.#refill();
    await this.#sweeper.run();
  }

  /**
   * Loads the rows that are due within the horizon, and writes the rows that were noted before. Where none is due for
   * long it only waits: this worker notes every entry, and each of them may bring the next deadline closer.
   */
  async #refill(): Promise<void> {
    const { store, databaseClock, rows, clock } = this.#ports;
    const { partition } = this.#record;
    const untilMs = (await databaseClock.nowMs()) + 2 * limits.refillEveryMs;
    this.#horizonMs = untilMs;
    const isFresh = clock.monotonicMs() - this.#readAtMs < limits.rowsReadEveryMs;
    if (isFresh && this.#nextMs > untilMs) return;
    // Rows that came before the new horizon are found below only once they are written.
    await rows.flush(partition);
    // Entries that are noted meanwhile bring it closer again.
    this.#nextMs = Number.POSITIVE_INFINITY;
    this.#readAtMs = Number.NEGATIVE_INFINITY;
    const [first] = await store.due(partition, Number.MAX_SAFE_INTEGER, 1);
    const firstMs = first?.dueAtMs ?? Number.POSITIVE_INFINITY;
    if (firstMs <= untilMs) await this.#loadDue(untilMs);
    this.#nextMs = Math.min(this.#nextMs, firstMs);
    this.#readAtMs = clock.monotonicMs();
    this.#wake.hint();
  }

  /**
   * Page by page, until so many actors are due that a further refill has to bring the others. Work that runs here and
   * actors that are set aside take no room: they may be many, and their rows come first.
   */
  async #loadDue(untilMs: number): Promise<void> {
    const { store, databaseClock } = this.#ports;
    const { partition } = this.#record;
    const limit = limits.dueRowsOnce;
    for (let after: ActorRow | undefined; this.#due.size < limits.dueActorsMax; ) {
      if (this.#closing.signal.aborted) return;
      const page = await store.due(partition, untilMs, limit, after);
      const nowMs = await databaseClock.nowMs();
      for (const row of page) {
        const { actor, dueAtMs, revision } = row;
        const isToWait = this.#isUnderWay(row) || this.#aside.has(actor, revision, nowMs);
        if (dueAtMs !== null && !isToWait) this.#due.set(actor, dueAtMs, revision);
      }
      if (page.length < limit) return;
      after = page.at(-1);
    }
  }

  /** True where only the work of an actor is due, and runs here. */
  #isUnderWay({ actor, dueAtMs, revision }: ActorRow): boolean {
    return dueAtMs === 0 && (this.#work.get(actor)?.revision ?? -1) >= revision;
  }

  async #loop(
    act: () => Promise<void>,
    everyMs: number,
    wake = createWakeUp(this.#ports.clock),
  ): Promise<void> {
    const { signal } = this.#closing;
    const pauses = { first: limits.workerRetryMs, longest: everyMs };
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = everyMs;
      try {
        await act();
        failures = 0;
      } catch (error) {
        this.#trouble(error, "a partition could not be looked after");
        failures = isAway(error) ? 1 : failures + 1;
        waitMs = pauseAfter(failures, pauses);
      }
      await wake.wait(waitMs, signal);
    }
  }

  #trouble(thrown: unknown, why: string, more: { actor?: string; attempt?: number } = {}): void {
    if (this.#closing.signal.aborted) return;
    const { log } = this.#ports;
    const { partition } = this.#record;
    const { actor, attempt } = more;
    const error = messageOf(thrown);
    if (isAway(thrown) || isDeposed(thrown)) {
      log.info({ partition, actor, attempt, why, error }, "a partition waits");
    } else log.warn({ partition, actor, attempt, why, error }, "a partition has trouble");
  }
}
