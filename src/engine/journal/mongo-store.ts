import type { ClientSession, Db, MongoClient } from "mongodb";
import { ReadConcern, Timestamp, WriteConcern } from "mongodb";
import { limits } from "../../limits.ts";
import { type Log, silentLog } from "../../log.ts";
import { databaseNowMs } from "../../mongo/database-now.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import type { ActorRow, Entry } from "./entry.ts";
import { ActorRows } from "./mongo/actor-rows.ts";
import { appendEach, appendFenced, appendWithin } from "./mongo/append.ts";
import { BrokenRecords } from "./mongo/broken-records.ts";
import { JournalCollection } from "./mongo/journal-collection.ts";
import {
  asCallError,
  asSessionError,
  requireBegun,
  requireOwnClient,
} from "./mongo/requirements/usable-client.ts";
import { compact, expireEnded, expireHistory } from "./mongo/retention.ts";
import { endSessions, Sessions } from "./mongo/sessions.ts";
import { JournalWatch } from "./mongo/watch-journal.ts";
import { WorkAttempts } from "./mongo/work-attempts.ts";
import { WorkerRecords } from "./mongo/worker-records.ts";
import { requireOneAnActor } from "./refusals.ts";
import type { Appended, EngineStore, Fence, Watch, WatchListener, WorkAttempt } from "./store.ts";

/** The means of a store on MongoDB. */
export interface MongoEngineStoreOptions {
  readonly client: MongoClient;
  /** The application's own database. */
  readonly databaseName: string;
  readonly clock: Clock;
  readonly faultPoints: FaultPoints;
  /** For records that cannot be read. Default: silence. */
  readonly log?: Log;
}

/**
 * The engine's store on a MongoDB replica set.
 * @throws LockstepError `driver-not-supported`, `bad-argument`
 */
export function createMongoEngineStore(
  options: MongoEngineStoreOptions,
): EngineStore<ClientSession> {
  return new MongoEngineStore(options);
}

/** Trouble on the way to the database is thrown as an error of ours. */
async function reaching<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw asCallError(error);
  }
}

/** The database, whatever the application has set for its own use of the client. */
function databaseOf(client: MongoClient, name: string, writeConcern: WriteConcern): Db {
  return client.db(name, {
    writeConcern,
    readConcern: new ReadConcern("majority"),
    readPreference: "primary",
    ...{ ignoreUndefined: true, promoteValues: true, promoteLongs: true, useBigInt64: false },
    ...{ raw: false, promoteBuffers: false, serializeFunctions: false },
  });
}

class MongoEngineStore implements EngineStore<ClientSession> {
  readonly #options: MongoEngineStoreOptions;
  readonly #journal: JournalCollection;
  readonly #rows: ActorRows;
  readonly #workers: WorkerRecords;
  readonly #attempts: WorkAttempts;
  /** Appends end soon. What an application does in its transactions may take long, and keeps no append waiting. */
  readonly #appends: Sessions;
  readonly #transactions: Sessions;
  readonly #closing = new AbortController();

  constructor(options: MongoEngineStoreOptions) {
    const { client, databaseName, clock, faultPoints } = options;
    requireOwnClient(client);
    const writeConcern = new WriteConcern("majority", limits.engineMajorityMs, true);
    const database = databaseOf(client, databaseName, writeConcern);
    const broken = new BrokenRecords(options.log ?? silentLog);
    this.#options = options;
    this.#journal = new JournalCollection(database, broken);
    this.#rows = new ActorRows(database, broken);
    this.#workers = new WorkerRecords(database, broken);
    this.#attempts = new WorkAttempts(database);
    const closing = this.#closing.signal;
    const means = { client, clock, faultPoints, writeConcern, closing };
    this.#appends = new Sessions(means);
    this.#transactions = new Sessions(means);
  }

  prepare(machines: readonly string[]): Promise<void> {
    return this.#writing("engine-prepare", async () => {
      await Promise.all([this.#journal.createIndexes(), this.#rows.createIndexes()]);
      await this.#workers.createPartitions(machines);
    });
  }

  nowMs(): Promise<number> {
    return reaching(() => databaseNowMs(this.#options.client));
  }

  append(
    entries: readonly Entry[],
    { fence, session }: { readonly fence?: Fence; readonly session?: ClientSession } = {},
  ): Promise<readonly Appended[]> {
    const { clock, faultPoints } = this.#options;
    const closing = this.#closing.signal;
    const [journal, workers, sessions] = [this.#journal, this.#workers, this.#appends];
    const means = { journal, workers, sessions, clock, faultPoints, closing };
    return this.#inSession(session, async () => {
      requireOneAnActor(entries);
      if (entries.length === 0) return [];
      if (session) return appendWithin(means, entries, session, fence);
      return fence ? appendFenced(means, entries, fence) : appendEach(means, entries);
    });
  }

  transact<Result>(act: (session: ClientSession) => Promise<Result>): Promise<Result> {
    return reaching(() => this.#transactions.transact("engine-transaction", act));
  }

  tail(actor: string, session?: ClientSession) {
    return this.#inSession(session, () => this.#journal.tail(actor, session));
  }

  tails(actors: readonly string[], known?: ReadonlyMap<string, number>) {
    return reaching(() => this.#journal.tails(actors, known));
  }

  entryOf(actor: string, revision: number, session?: ClientSession) {
    return this.#inSession(session, () => this.#journal.entry(actor, revision, session));
  }

  byKey(actor: string, eventKey: string) {
    return reaching(() => this.#journal.byKey(actor, eventKey));
  }

  entries(actor: string, fromRevision: number, limit: number) {
    return reaching(() => this.#journal.entries(actor, fromRevision, limit));
  }

  sweep(partition: string, from: string | null) {
    return reaching(() => this.#journal.sweep(partition, from));
  }

  mark() {
    return reaching(() => this.#journal.mark());
  }

  saveRows(rows: readonly ActorRow[]): Promise<void> {
    return this.#writing("engine-rows", () => this.#rows.save(rows));
  }

  saveMarks(...values: Parameters<EngineStore["saveMarks"]>): Promise<void> {
    return this.#writing("engine-mark", () => this.#workers.saveMarks(...values));
  }

  due(...[partition, untilMs, limit, after]: Parameters<EngineStore["due"]>) {
    return reaching(() => this.#rows.due(partition, untilMs, limit, after));
  }

  rows(query: Parameters<EngineStore["rows"]>[0]) {
    return reaching(() => this.#rows.rows(query));
  }

  register(...[worker, ttlMs]: Parameters<EngineStore["register"]>): Promise<boolean> {
    const sessions = [this.#appends, this.#transactions].flatMap((each) =>
      each.recordWith((id) => this.#workers.addSession(worker, id)),
    );
    return this.#writing("engine-worker", () => this.#workers.register(worker, ttlMs, sessions));
  }

  /** A renewal is left out of the fault points, as every renewal of a lease. */
  renew(...[worker, ttlMs]: Parameters<EngineStore["renew"]>): Promise<boolean> {
    return reaching(() => this.#workers.renew(worker, ttlMs));
  }

  fenceOut(worker: string, epoch: number): Promise<boolean> {
    return this.#writing("engine-fence", async () => {
      const sessions = await this.#workers.expire(worker, epoch);
      if (sessions === null) return false;
      // Their open transactions would hold the fences and the entries for a minute.
      await endSessions(this.#options.client, sessions);
      await this.#workers.raiseFences(worker, epoch);
      return true;
    });
  }

  removeWorker(worker: string): Promise<void> {
    return this.#writing("engine-worker", () => this.#workers.remove(worker));
  }

  workers() {
    return reaching(() => this.#workers.workers());
  }

  partitions() {
    return reaching(() => this.#workers.partitions());
  }

  attempts(works: readonly string[]) {
    return reaching(() => this.#attempts.of(works));
  }

  saveAttempt(attempt: WorkAttempt): Promise<void> {
    return this.#writing("engine-attempt", () => this.#attempts.save(attempt));
  }

  removeAttempts(works: readonly string[]): Promise<void> {
    return this.#writing("engine-attempt", () => this.#attempts.remove(works));
  }

  assign(...[found, worker]: Parameters<EngineStore["assign"]>): Promise<number | null> {
    const epoch = found.epoch + 1;
    return this.#writing("engine-partition", async () =>
      (await this.#workers.assign(found, worker)) ? epoch : null,
    ).catch(async (error) => {
      const isOurs = await this.#workers.isAssigned(found.partition, worker, epoch);
      if (isOurs) return epoch;
      throw error;
    });
  }

  compact(superseded: Parameters<EngineStore["compact"]>[0]): Promise<void> {
    return this.#writing("engine-compact", () => compact(this.#journal, superseded));
  }

  expireHistory(...values: Parameters<EngineStore["expireHistory"]>): Promise<string | null> {
    return this.#writing("engine-expire", () => expireHistory(this.#journal, ...values));
  }

  expireEnded(...values: Parameters<EngineStore["expireEnded"]>): Promise<number> {
    const [journal, rows, attempts] = [this.#journal, this.#rows, this.#attempts];
    const means = { journal, rows, attempts, sessions: this.#appends };
    return this.#writing("engine-expire", () => expireEnded(means, ...values));
  }

  watch(listener: WatchListener): Watch {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#closing.signal]);
    const watch = new JournalWatch(listener);
    void watch.run(this.#journal, this.#options.clock, signal);
    return {
      stop: () => stop.abort(),
      hasPassed: (mark) => watch.hasPassed(Timestamp.fromString(mark, 10)),
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#appends.close(), this.#transactions.close()]);
  }

  #writing<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    return reaching(() => this.#options.faultPoints.write(name, act));
  }

  async #inSession<Result>(
    session: ClientSession | undefined,
    act: () => Promise<Result>,
  ): Promise<Result> {
    if (session) requireBegun(session);
    try {
      return await act();
    } catch (error) {
      throw session ? asSessionError(error) : asCallError(error);
    }
  }
}
