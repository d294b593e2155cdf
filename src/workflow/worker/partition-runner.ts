import { isAway, isDeposed, isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import { createWakeUp } from "../../ports/wake-up.ts";
import type { Actors, Way } from "../actor/actors.ts";
import type { DatabaseClock } from "../actor/database-clock.ts";
import type { Registry } from "../definition/registry.ts";
import type { Retention } from "../definition/retention.ts";
import { type ActorRow, type Entry, rowOf } from "../journal/entry.ts";
import type { PartitionRecord, WorkflowStore } from "../journal/store.ts";
import { inFiringOrder } from "../system/timer-table.ts";
import type { ActorWork } from "./actor-work.ts";
import type { Compactor } from "./compactor.ts";
import { DueHeap } from "./due-heap.ts";
import type { RowWriter } from "./row-writer.ts";

/** The ports of a partition's runner. */
export interface RunnerPorts {
  readonly store: WorkflowStore;
  readonly actors: Actors;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly databaseClock: DatabaseClock;
  readonly log: Log;
  readonly rows: RowWriter;
  readonly compactor: Compactor;
  readonly retention: Retention;
  /** Results and timers are appended with the worker's fence. */
  readonly fenced: Way;
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
  /** Actors of which another process has appended an entry, and since when they wait. */
  readonly #hinted = new Map<string, number>();
  readonly #wake;
  readonly #wakeSweep;
  readonly #loops: readonly Promise<void>[];
  /** Rows that are due later than this are not in memory. */
  #horizonMs = 0;
  /** No row is due between the horizon and this time, by the database's clock. */
  #nextMs = 0;
  /** By this process's clock: when the rows were read, and when an entry was noted. */
  #readAtMs = Number.NEGATIVE_INFINITY;
  #notedAtMs = Number.NEGATIVE_INFINITY;
  #mark: string | null;
  /** The first sweep begins where the last owner stopped. */
  #isToSweep = true;
  readonly #sinceMs: number;

  /** @param sinceMs since when the worker owns the partition, by the database's clock */
  constructor(ports: RunnerPorts, record: PartitionRecord, sinceMs: number) {
    this.#ports = ports;
    this.#sinceMs = sinceMs;
    this.#record = record;
    this.#mark = record.mark;
    this.#wake = createWakeUp(ports.clock);
    this.#wakeSweep = createWakeUp(ports.clock);
    const { historyMs, doneMs } = ports.retention;
    const isKeptForEver = historyMs === undefined && doneMs === undefined;
    this.#loops = [
      this.#loop(() => this.#lookAfter(), limits.refillEveryMs, this.#wakeSweep),
      this.#runDue(),
      ...(isKeptForEver ? [] : [this.#loop(() => this.#expire(), limits.expireEveryMs)]),
    ];
  }

  /** An entry that is durable. */
  entry(entry: Entry): void {
    if (this.#closing.signal.aborted) return;
    this.#note(rowOf(entry));
    this.#drive(entry);
  }

  /** Another process has appended an entry to this actor. */
  hint(actor: string): void {
    if (!this.#hinted.has(actor)) this.#hinted.set(actor, this.#ports.clock.monotonicMs());
    this.#wake.hint();
  }

  /** Hints may have been missed. */
  sweep(): void {
    this.#isToSweep = true;
    this.#wakeSweep.hint();
  }

  /** Ends everything that runs here, and writes the rows. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("this worker gives the partition up"));
    await Promise.all([...this.#work.values()].map((work) => work.stop()));
    await Promise.allSettled(this.#loops);
    await this.#ports.rows.flush().catch(() => {});
  }

  #note(row: ActorRow): void {
    this.#ports.compactor.note(row);
    const { actor, dueAtMs, revision } = row;
    this.#notedAtMs = this.#ports.clock.monotonicMs();
    if (dueAtMs !== null) this.#nextMs = Math.min(this.#nextMs, dueAtMs);
    const isNew = this.#ports.rows.note(row);
    // An older row may say less than is known: it only wakes the actor.
    if (dueAtMs === null) {
      if (isNew) this.#due.delete(actor, revision);
    } else if (dueAtMs <= this.#horizonMs) this.#due.set(actor, dueAtMs, revision);
    this.#wake.hint();
  }

  /** Starts the work that an entry asks for, and ends what it does not ask for any more. */
  #drive(entry: Entry): void {
    if (this.#closing.signal.aborted) return;
    const { actor, revision, work, timers } = entry;
    const running = this.#work.get(actor);
    if (running && running.revision > revision) return;
    if (running) running.follow(entry);
    else if (work.length > 0) {
      const ownership = {
        ...{ signal: this.#closing.signal, fence: this.#record.epoch, sinceMs: this.#sinceMs },
      };
      this.#work.set(actor, this.#ports.startWork(entry, ownership));
    }
    if (running && work.length === 0) void this.#forgetIdle(actor, running);
    const nextMs = Math.min(...timers.map(({ dueAtMs }) => dueAtMs));
    // Work is under way from now on: only a deadline wakes the actor again.
    if (nextMs <= this.#horizonMs) this.#due.set(actor, nextMs, revision);
    else this.#due.delete(actor, revision);
    this.#wake.hint();
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
        const actors = this.#due.take(nowMs, limits.dueActorsAtOnce);
        await Promise.all(actors.map((actor) => this.#wakeActor(actor, nowMs)));
        if (actors.length > 0) continue;
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
    const hinted = [...this.#hinted].slice(0, limits.dueActorsAtOnce);
    if (hinted.length === 0) return;
    // Before the read: a hint that comes meanwhile counts again.
    for (const [actor] of hinted) this.#hinted.delete(actor);
    for (const tail of await this.#tailsOf(hinted)) {
      if (!this.#ports.actors.learn(tail)) continue;
      this.#note(rowOf(tail));
      if (!this.#canRun(tail)) continue;
      // The work of an older version starts once the actor is migrated.
      if (this.#isBehind(tail) && tail.work.length > 0) {
        this.#due.set(tail.actor, 0, tail.revision);
      } else this.#drive(tail);
    }
    if (this.#hinted.size > 0) this.#wake.hint();
  }

  /** The tails of hinted actors, which stay hinted while the database is away. One that cannot be read hides no other. */
  async #tailsOf(hinted: readonly (readonly [string, number])[]): Promise<readonly Entry[]> {
    const { store } = this.#ports;
    const actors = hinted.map(([actor]) => actor);
    try {
      return await store.tails(actors).catch(async (error: unknown) => {
        if (isAway(error) || actors.length === 1) throw error;
        const each = await Promise.all(hinted.map((one) => this.#tailsOf([one])));
        return each.flat();
      });
    } catch (error) {
      if (!isAway(error)) {
        this.#trouble(error, "an actor could not be read, and is left alone");
        return [];
      }
      for (const [actor, sinceMs] of hinted) this.#hinted.set(actor, sinceMs);
      throw error;
    }
  }

  /** An actor that is due: its timers fire in order, one transition each, and its work starts. */
  async #wakeActor(actor: string, nowMs: number): Promise<void> {
    try {
      const applied = await this.#ports.actors.apply(actor, this.#ports.fenced, (tail) => {
        if (!this.#canRun(tail)) return null;
        const timer = inFiringOrder(tail.timers).find(({ dueAtMs }) => dueAtMs <= nowMs);
        if (timer === undefined) return this.#isBehind(tail) ? "migrate" : null;
        return {
          ...{ kind: "timer" as const, key: `timer:${timer.id}` },
          cause: { kind: "timer" as const, id: timer.id },
          ...{ eventType: timer.eventType, eventText: timer.event },
        };
      });
      // An entry that was appended has come by `entry` already.
      if (applied.kind === "appended" || !this.#ports.actors.learn(applied.tail)) return;
      if (this.#canRun(applied.tail)) this.#drive(applied.tail);
    } catch (error) {
      this.#trouble(error, "an actor that is due could not be run");
      const isLeftAlone =
        isLockstepError(error, "entry-not-readable") || isLockstepError(error, "migration-refused");
      if (isLeftAlone) return;
      // A later entry may have become known meanwhile.
      if (!isDeposed(error)) this.#due.set(actor, nowMs + limits.workerRetryMs, -1);
    }
  }

  #isBehind({ machine, version }: Entry): boolean {
    return this.#ports.registry.waysOf(machine).from(version).length > 0;
  }

  #canRun({ actor, machine, version, status, work }: Entry): boolean {
    const runner = this.#ports.registry.runnerOf(machine, version)?.durable;
    // An actor that has ended is not migrated. Only its actions are left.
    const isLeft = status === "active" || work.every(({ name }) => runner?.actions.has(name));
    if (runner && isLeft) return true;
    this.#ports.log.warn(
      { actor, machine, version },
      "this worker does not have the version of an actor, and leaves the actor alone",
    );
    return false;
  }

  /** The horizon moves on first, so that a head which a sweep finds is either in memory or in the next refill. */
  async #lookAfter(): Promise<void> {
    const { store, clock } = this.#ports;
    const isQuiet = clock.monotonicMs() - this.#notedAtMs > limits.markQuietMs;
    // Where nothing was appended for long, a sweep from the old mark finds nothing either.
    const mark = isQuiet ? null : await store.mark(this.#record.partition);
    await this.#refill();
    if (this.#isToSweep) {
      this.#isToSweep = false;
      await this.#sweep().catch((error: unknown) => {
        this.#isToSweep = true;
        throw error;
      });
      return;
    }
    const waitsBeforeMs = clock.monotonicMs() - limits.hintWaitMsMax;
    const isHintOld = [...this.#hinted.values()].some((sinceMs) => sinceMs < waitsBeforeMs);
    if (!isHintOld) await this.#saveMark(mark);
  }

  /** Finds what was appended since the mark: at the beginning, and where hints may have been missed. */
  async #sweep(): Promise<void> {
    const { store, rows } = this.#ports;
    const { partition } = this.#record;
    let mark = this.#mark;
    for (let from = mark, isLast = false; !isLast; ) {
      if (this.#closing.signal.aborted) return;
      const page = await store.sweep(partition, from);
      for (const head of page.heads) this.#note(head);
      await rows.flush();
      [from, mark, isLast] = [page.next, page.mark ?? mark, page.next === null];
    }
    await this.#saveMark(mark);
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
    await rows.flush();
    // Entries that are noted meanwhile bring it closer again.
    this.#nextMs = Number.POSITIVE_INFINITY;
    this.#readAtMs = Number.NEGATIVE_INFINITY;
    const [first] = await store.due(partition, Number.MAX_SAFE_INTEGER, 1);
    const firstMs = first?.dueAtMs ?? Number.POSITIVE_INFINITY;
    const due = firstMs > untilMs ? [] : await store.due(partition, untilMs, limits.dueActorsMax);
    for (const row of due) {
      const { actor, dueAtMs, revision } = row;
      if (dueAtMs !== null && !this.#isUnderWay(row)) this.#due.set(actor, dueAtMs, revision);
    }
    this.#nextMs = Math.min(this.#nextMs, firstMs);
    this.#readAtMs = clock.monotonicMs();
    this.#wake.hint();
  }

  /** Deletes what need not be kept any longer. */
  async #expire(): Promise<void> {
    const { store, databaseClock, clock, retention } = this.#ports;
    const { historyMs, doneMs } = retention;
    const { signal } = this.#closing;
    const nowMs = await databaseClock.nowMs();
    const options = {
      ...(historyMs === undefined ? {} : { historyBeforeMs: nowMs - historyMs }),
      ...(doneMs === undefined ? {} : { endedBeforeMs: nowMs - doneMs }),
      limit: limits.expireEntriesOnce,
    };
    while (!signal.aborted) {
      const deleted = await store.expire(this.#record.partition, options);
      if (deleted < limits.expireEntriesOnce) return;
      await clock.sleep(limits.expirePauseMs, signal);
    }
  }

  async #saveMark(mark: string | null): Promise<void> {
    const { partition, epoch } = this.#record;
    if (mark === null || mark === this.#mark) return;
    await this.#ports.store.saveMark(partition, epoch, mark);
    this.#mark = mark;
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
    while (!signal.aborted) {
      let waitMs = everyMs;
      try {
        await act();
      } catch (error) {
        this.#trouble(error, "a partition could not be looked after");
        waitMs = limits.workerRetryMs;
      }
      await wake.wait(waitMs, signal);
    }
  }

  #trouble(error: unknown, message: string): void {
    if (this.#closing.signal.aborted) return;
    const { log } = this.#ports;
    const fields = { partition: this.#record.partition, error: messageOf(error) };
    if (isAway(error) || isDeposed(error)) log.info(fields, message);
    else log.warn(fields, message);
  }
}
