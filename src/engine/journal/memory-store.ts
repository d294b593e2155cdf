import { assert } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { soon } from "../../ports/soon.ts";
import { type ActorRow, type Entry, isLater, lifeOf } from "./entry.ts";
import { MemoryJournal } from "./memory/memory-journal.ts";
import { MemoryWorkers } from "./memory/memory-workers.ts";
import { pageOf } from "./page.ts";
import { fencedOut, noTransaction, refusedEntry, requireOneAnActor } from "./refusals.ts";
import type {
  Appended,
  EngineStore,
  Fence,
  RowQuery,
  Superseded,
  Watch,
  WatchListener,
  WorkAttempt,
} from "./store.ts";

/** A transaction of the memory store. Nothing of it is there before it commits. */
export interface MemorySession {
  /** Acts when the transaction commits: it stands for a write of business data. */
  write(act: () => void): void;
}

class Staged implements MemorySession {
  readonly entries: Entry[] = [];
  readonly fences: Fence[] = [];
  readonly writes: (() => void)[] = [];
  isOver = false;

  write(act: () => void): void {
    this.writes.push(act);
  }
}

function stagedIn(session: MemorySession | undefined): readonly Entry[] {
  const staged = session as Staged | undefined;
  if (staged?.isOver) throw noTransaction();
  return staged?.entries ?? [];
}

/** The store in memory: for tests and simulation. One instance is one database. */
export function createMemoryEngineStore(options: {
  /** The time by the clock of this database. */
  readonly nowMs: () => number;
}): EngineStore<MemorySession> {
  return new MemoryEngineStore(options.nowMs);
}

const byActor = (left: ActorRow, right: ActorRow) => (left.actor < right.actor ? -1 : 1);

function byDue(left: Due, right: Due): number {
  const earlier = Number(left.dueAtMs) - Number(right.dueAtMs);
  return earlier !== 0 || left.actor === right.actor ? earlier : left.actor < right.actor ? -1 : 1;
}

function isEarlier(attempt: WorkAttempt, held: WorkAttempt | undefined): boolean {
  if (held === undefined) return false;
  if (attempt.attempt !== held.attempt) return attempt.attempt < held.attempt;
  return attempt.failures < held.failures;
}

type Due = Pick<ActorRow, "actor" | "dueAtMs">;

function fits(row: ActorRow, { machine, state, tag, status, sinceMsMax, after }: RowQuery) {
  return (
    (machine === undefined || row.machine === machine) &&
    (state === undefined || row.state === state) &&
    (tag === undefined || row.tags.includes(tag)) &&
    (status === undefined || row.status === status) &&
    (sinceMsMax === undefined || row.sinceMs <= sinceMsMax) &&
    (after === undefined || row.actor > after)
  );
}

class MemoryEngineStore implements EngineStore<MemorySession> {
  readonly nowMs: () => Promise<number>;
  readonly #journal: MemoryJournal;
  readonly #workers: MemoryWorkers;
  readonly #rows = new Map<string, ActorRow>();
  readonly #attempts = new Map<string, WorkAttempt>();
  readonly #watchers = new Set<WatchListener>();

  constructor(nowMs: () => number) {
    this.nowMs = async () => nowMs();
    this.#journal = new MemoryJournal(nowMs);
    this.#workers = new MemoryWorkers(nowMs);
  }

  async prepare(machines: readonly string[]): Promise<void> {
    this.#workers.createPartitions(machines);
  }

  async append(
    entries: readonly Entry[],
    { fence, session }: { readonly fence?: Fence; readonly session?: MemorySession } = {},
  ): Promise<readonly Appended[]> {
    requireOneAnActor(entries);
    if ((session as Staged | undefined)?.isOver) throw noTransaction();
    if (fence && !this.#workers.holds(fence)) throw fencedOut(fence);
    if (session) return this.#stage(session as Staged, entries, fence);
    const fates = entries.map((entry) => this.#journal.check(entry));
    const isWhole = fates.every((fate) => fate === "appended" || fate === "held");
    entries.forEach((entry, place) => {
      if (fates[place] === "appended" && (isWhole || !fence)) this.#put(entry);
    });
    return fates.map((fate) => {
      if (fate === "held") return { kind: "appended" };
      return { kind: fate === "appended" && fence && !isWhole ? "undone" : fate };
    });
  }

  async transact<Result>(act: (session: MemorySession) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      const session = new Staged();
      const result = await act(session).finally(() => {
        session.isOver = true;
      });
      const raised = session.fences.find((fence) => !this.#workers.holds(fence));
      if (raised) throw fencedOut(raised);
      // Another transaction may have taken a revision or a key meanwhile.
      if (session.entries.every((entry) => this.#isFree(session, entry))) {
        for (const entry of session.entries) this.#put(entry);
        for (const write of session.writes) write();
        return result;
      }
      assert(attempt < limits.transactionAttemptsMax, "a transaction ends");
    }
  }

  async tail(actor: string, session?: MemorySession) {
    const staged = stagedIn(session).findLast((entry) => entry.actor === actor);
    return staged ?? this.#journal.tail(actor);
  }

  async tails(actors: readonly string[]) {
    const known = [...new Set(actors)].flatMap((actor) => this.#journal.tail(actor) ?? []);
    const tails = await pageOf(known);
    return { tails, left: known.slice(tails.length).map(({ actor }) => actor) };
  }

  async entryOf(actor: string, revision: number, session?: MemorySession) {
    const staged = stagedIn(session).find(
      (entry) => entry.actor === actor && entry.revision === revision,
    );
    return staged ?? this.#journal.entry(actor, revision);
  }

  async byKey(actor: string, eventKey: string) {
    return this.#journal.byKey(actor, eventKey);
  }

  async entries(actor: string, fromRevision: number, limit: number) {
    return pageOf(this.#journal.entries(actor, fromRevision, limit));
  }

  async sweep(partition: string, from: string | null) {
    return this.#journal.sweep(partition, from);
  }

  async mark(partition: string) {
    return this.#journal.mark(partition);
  }

  async saveRows(rows: readonly ActorRow[]): Promise<void> {
    for (const row of rows) {
      const known = this.#rows.get(row.actor);
      if (known === undefined || isLater(row, known)) this.#rows.set(row.actor, row);
    }
  }

  async saveMarks(...values: Parameters<EngineStore["saveMarks"]>): Promise<void> {
    this.#workers.saveMarks(...values);
  }

  async due(partition: string, untilMs: number, limit: number, after?: Due) {
    return [...this.#rows.values()]
      .filter(
        (row) =>
          row.partition === partition &&
          row.dueAtMs !== null &&
          row.dueAtMs <= untilMs &&
          (after === undefined || byDue(row, after) > 0),
      )
      .toSorted(byDue)
      .slice(0, limit);
  }

  async rows(query: RowQuery) {
    const found = [...this.#rows.values()].filter((row) => fits(row, query));
    return found.toSorted(byActor).slice(0, query.limit);
  }

  async register(...[worker, ttlMs]: Parameters<EngineStore["register"]>) {
    return this.#workers.register(worker, ttlMs);
  }

  async renew(...[worker, ttlMs]: Parameters<EngineStore["renew"]>) {
    return this.#workers.renew(worker, ttlMs);
  }

  async fenceOut(worker: string, epoch: number) {
    return this.#workers.fenceOut(worker, epoch);
  }

  async removeWorker(worker: string): Promise<void> {
    this.#workers.remove(worker);
  }

  async workers() {
    return this.#workers.list();
  }

  async partitions() {
    return this.#workers.partitions();
  }

  async attempts(works: readonly string[]) {
    return works.flatMap((work) => this.#attempts.get(work) ?? []);
  }

  async saveAttempt(attempt: WorkAttempt): Promise<void> {
    const { work } = attempt;
    if (!isEarlier(attempt, this.#attempts.get(work))) this.#attempts.set(work, attempt);
  }

  async removeAttempts(works: readonly string[]): Promise<void> {
    for (const work of works) this.#attempts.delete(work);
  }

  async assign(...[found, worker]: Parameters<EngineStore["assign"]>) {
    return this.#workers.assign(found, worker);
  }

  async compact(superseded: readonly Superseded[]): Promise<void> {
    for (const each of superseded) this.#journal.compact(each);
  }

  async expireHistory(...values: Parameters<EngineStore["expireHistory"]>) {
    return this.#journal.expireHistory(...values);
  }

  async expireEnded(partition: string, beforeMs: number, limit: number): Promise<number> {
    let deleted = 0;
    for (const row of this.#rows.values()) {
      const isEnded = row.status !== "active" && row.dueAtMs === null && row.atMs < beforeMs;
      if (row.partition !== partition || !isEnded || deleted >= limit) continue;
      const expired = this.#journal.expireActor(row, limit - deleted);
      deleted += expired.deleted;
      if (!expired.gone) continue;
      this.#rows.delete(row.actor);
      const life = lifeOf(row.actor, row.startedAtMs);
      for (const work of this.#attempts.keys()) {
        if (work.startsWith(life) && /^\d/.test(work.slice(life.length)))
          this.#attempts.delete(work);
      }
    }
    return deleted;
  }

  watch(listener: WatchListener): Watch {
    let isOpen = false;
    this.#watchers.add(listener);
    soon(() => {
      isOpen = this.#watchers.has(listener);
      if (isOpen) listener.onAppended(null);
    });
    const stop = () => {
      isOpen = false;
      this.#watchers.delete(listener);
    };
    return { stop, hasPassed: () => isOpen };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
  }

  /** Stages entries. A transaction may hold several of one actor, each the successor of the one before. */
  #stage(session: Staged, entries: readonly Entry[], fence: Fence | undefined): Appended[] {
    for (const entry of entries) {
      const staged = session.entries.filter(({ actor }) => actor === entry.actor);
      const hasKey =
        entry.eventKey !== undefined && staged.some(({ eventKey }) => eventKey === entry.eventKey);
      if (staged.some(({ revision }) => revision === entry.revision))
        throw refusedEntry(entry, "revision-taken");
      if (hasKey) throw refusedEntry(entry, "duplicate");
      if (staged.length > 0) continue;
      const fate = this.#journal.check(entry);
      if (fate !== "appended")
        throw refusedEntry(entry, fate === "duplicate" ? fate : "revision-taken");
    }
    session.entries.push(...entries);
    if (fence) session.fences.push(fence);
    return entries.map(() => ({ kind: "appended" }));
  }

  #isFree({ entries }: Staged, entry: Entry): boolean {
    if (entries.find(({ actor }) => actor === entry.actor) === entry) {
      return this.#journal.check(entry) === "appended";
    }
    const { actor, eventKey } = entry;
    return eventKey === undefined || this.#journal.byKey(actor, eventKey) === undefined;
  }

  #put(entry: Entry): void {
    this.#journal.put(entry);
    const { actor, partition, revision, nonce } = entry;
    for (const watcher of this.#watchers) {
      const { except, onAppended } = watcher;
      if (except !== undefined && nonce.startsWith(except)) continue;
      soon(() => {
        if (this.#watchers.has(watcher)) onAppended({ actor, partition, revision });
      });
    }
  }
}
