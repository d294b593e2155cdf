import type { WorkContext } from "../../../src/engine/definition/durable.ts";
import type { Entry } from "../../../src/engine/journal/entry.ts";
import type { Scheduler } from "../../simulation/scheduler.ts";
import { storedRow } from "../journal/store-under-test.ts";
import type { JobEvents } from "./job-machine.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { SimulatedDatabase, StoreEvents } from "./simulated-store.ts";

interface Owner {
  readonly worker: string | null;
  readonly epoch: number;
  readonly fromMs: number;
}

interface Asked {
  readonly process: SimulatedProcess;
  readonly atMs: number;
  readonly isFenced: boolean;
}

interface Begun {
  readonly process: SimulatedProcess;
  readonly kind: string;
  readonly attempt: number;
  readonly fence: number;
  readonly atMs: number;
}

/** A process that goes on after a pause finds out so soon that its lease is over. */
const noticeMs = 300;
/** So late a timer fires, or a piece of work begins, where nothing is wrong. */
const lateMsMax = 3_000;

const processOf = (worker: string | null) =>
  worker === null ? null : Number(worker.split(":")[1]);

/** Looks at every entry and every attempt of one run. */
export class Checks implements StoreEvents, JobEvents {
  readonly problems: string[] = [];
  readonly charges = new Map<string, number>();
  readonly begun = new Map<string, Begun[]>();
  readonly #scheduler: Scheduler;
  readonly #asked = new Map<string, Asked>();
  readonly #owners = new Map<string, Owner[]>();
  readonly #revisions = new Map<string, number>();
  #database: SimulatedDatabase | undefined;
  /** From then on nothing goes wrong. */
  calmFromMs = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  watch(database: SimulatedDatabase, startMs: number): void {
    this.#database = database;
    database.inner.watch({
      onAppended: (hint) => {
        if (hint) void this.#appended(hint.actor, hint.revision, startMs);
      },
    });
  }

  say(problem: string): void {
    this.problems.push(`${this.#scheduler.nowMs()} ms: ${problem}`);
  }

  asked(process: SimulatedProcess, entries: readonly Entry[], isFenced: boolean): void {
    const atMs = this.#scheduler.nowMs();
    for (const { nonce } of entries) {
      if (!this.#asked.has(nonce)) this.#asked.set(nonce, { process, atMs, isFenced });
    }
  }

  assigned(partition: string, worker: string | null, epoch: number): void {
    const owners = this.#owners.get(partition) ?? [];
    owners.push({ worker, epoch, fromMs: this.#scheduler.nowMs() });
    this.#owners.set(partition, owners);
  }

  began(process: SimulatedProcess, kind: string, context: WorkContext): void {
    const { id, attempt, fence } = context;
    const atMs = this.#scheduler.nowMs();
    const before = this.begun.get(id) ?? [];
    const last = before.at(-1);
    if (last && (last.fence > fence || (last.process !== process && last.fence === fence))) {
      this.say(`fences grow: ${id} began with ${fence} after ${last.fence}`);
    }
    if (before.some((each) => each.fence === fence && each.attempt === attempt)) {
      const told = before.map(
        (each) => `${each.attempt}/${each.fence} at ${each.atMs} by ${each.process.number}`,
      );
      this.say(
        `attempts are told apart: ${id} began attempt ${attempt} at fence ${fence} again: ${told.join()}`,
      );
    }
    this.begun.set(id, [...before, { process, kind, attempt, fence, atMs }]);
    void this.#hasRight(process, context, atMs);
  }

  charged({ id }: WorkContext): void {
    this.charges.set(id, (this.charges.get(id) ?? 0) + 1);
    if (this.charges.get(id) !== 1) this.say(`a transactional write is there once: ${id}`);
  }

  mayFail(): boolean {
    return this.#scheduler.nowMs() < this.calmFromMs;
  }

  /** Nobody begins work of a partition that another process owns. */
  async #hasRight(process: SimulatedProcess, { actor, id, fence }: WorkContext, atMs: number) {
    const tail = await this.#database?.inner.tail(actor);
    const owner = this.#owners.get(tail?.partition ?? "")?.at(-1);
    const isNoticing = atMs - process.resumedAtMs <= noticeMs;
    if (isNoticing || owner?.epoch === fence) return;
    this.say(
      `two owners: ${process.number} begins ${id} at ${fence}, the owner has ${owner?.epoch}`,
    );
  }

  async #appended(actor: string, revision: number, startMs: number): Promise<void> {
    const atMs = this.#scheduler.nowMs();
    const store = this.#database?.inner;
    const entry = await store?.entryOf(actor, revision);
    const before = revision === 0 ? undefined : await store?.entryOf(actor, revision - 1);
    if (entry === undefined) {
      this.say(`${actor}/${revision} is not there`);
      return;
    }
    if (revision !== (this.#revisions.get(actor) ?? -1) + 1)
      this.say(`a gap below ${actor}/${revision}`);
    this.#revisions.set(actor, revision);
    if (entry.kind === "timer") this.#checkTimer(entry, before, startMs + atMs);
    if (entry.kind === "result") this.#checkResult(entry, before);
    if (entry.kind === "timer" || entry.kind === "result") this.#checkOwner(entry, atMs);
  }

  #checkTimer(entry: Entry, before: Entry | undefined, nowMs: number): void {
    const id = entry.eventKey?.slice("timer:".length);
    const timer = before?.timers.find((armed) => armed.id === id);
    if (!timer) {
      this.say(`a timer that nobody armed: ${entry.eventKey}`);
      return;
    }
    if (timer.dueAtMs > nowMs) this.say(`early by ${timer.dueAtMs - nowMs} ms: ${id}`);
    const calmMs = nowMs - this.#scheduler.nowMs() + this.calmFromMs;
    if (timer.dueAtMs > calmMs && nowMs - timer.dueAtMs > lateMsMax) {
      this.say(`late by ${nowMs - timer.dueAtMs} ms: ${id}`);
    }
  }

  #checkResult(entry: Entry, before: Entry | undefined): void {
    const id = entry.eventKey?.slice("work:".length);
    const work = before?.work.find((pending) => pending.id === id);
    if (!work) {
      this.say(`a result that nobody asked for: ${entry.eventKey}`);
      return;
    }
    const begun = this.begun.get(work.id);
    if (!begun) {
      this.say(`a result without an attempt: ${work.id}`);
      return;
    }
    const isDone = entry.eventType.startsWith("xstate.done.");
    if (work.name === "charge" && isDone && this.charges.get(work.id) !== 1) {
      this.say(`a result commits with its write: ${work.id}`);
    }
  }

  /** An appending worker owned the partition when it asked for that, or came to own it meanwhile. */
  #checkOwner(entry: Entry, atMs: number): void {
    const asked = this.#asked.get(entry.nonce);
    const owners = this.#owners.get(entry.partition) ?? [];
    const meanwhile = owners.filter(({ fromMs }, place) => {
      const untilMs = owners[place + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
      return fromMs <= atMs && untilMs >= (asked?.atMs ?? atMs);
    });
    const isOwner = meanwhile.some(({ worker }) => processOf(worker) === asked?.process.number);
    if (!isOwner || !asked?.isFenced) {
      this.say(
        `appended without a right: ${entry.kind} ${entry.eventKey} by ${asked?.process.number}`,
      );
    }
  }

  /** The checks at the end. */
  async atEnd(actors: readonly string[], processes: readonly SimulatedProcess[]): Promise<void> {
    const store = this.#database?.inner;
    if (!store) return;
    for (const actor of actors) {
      const tail = await store.tail(actor);
      const row = await storedRow(store, actor);
      if (!tail) this.say(`${actor} was never started`);
      else if (tail.status === "active" || tail.work.length > 0) {
        const work = tail.work.map(({ name }) => name).join();
        this.say(`left alone: ${actor} in ${tail.state} with ${work} since ${tail.atMs}`);
      } else if (row?.revision !== tail.revision) this.say(`the row of ${actor} is old`);
    }
    const alive = processes.filter(({ isUp }) => isUp).map(({ number }) => number);
    const partitions = await store.partitions();
    const shares = alive.map(
      (number) => partitions.filter(({ worker }) => processOf(worker) === number).length,
    );
    const sum = shares.reduce((one, other) => one + other, 0);
    if (sum !== partitions.length)
      this.say(`partitions without an owner: ${partitions.length - sum}`);
    if (Math.max(...shares) - Math.min(...shares) > 1)
      this.say(`shared unevenly: ${shares.join()}`);
    const workers = await store.workers();
    if (workers.length !== alive.length) this.say(`${workers.length} workers for ${alive.length}`);
    for (const [id, times] of this.charges)
      if (times > 1) this.say(`charged ${times} times: ${id}`);
  }
}
