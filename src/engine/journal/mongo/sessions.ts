import {
  type ClientSession,
  type MongoClient,
  ReadConcern,
  UUID,
  type WriteConcern,
} from "mongodb";
import { limits } from "../../../limits.ts";
import { hasCode, serverErrors } from "../../../mongo/server-errors.ts";
import { isTransient, isUnknownOutcome, isWriteTimeout } from "../../../mongo/transient.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { FaultPoints } from "../../../ports/fault-point.ts";
import { ActGivenUp } from "../store.ts";
import { sessionId } from "./worker-records.ts";

interface Means {
  readonly client: MongoClient;
  readonly clock: Clock;
  readonly faultPoints: FaultPoints;
  readonly writeConcern: WriteConcern;
  readonly closing: AbortSignal;
}

/**
 * The sessions of transactions of this process. They are kept, and their ids recorded, since the transaction of a
 * process that dies stays open for a minute, and locks what its successor has to write.
 */
export class Sessions {
  readonly #means: Means;
  readonly #idle: ClientSession[] = [];
  readonly #waiting: {
    readonly resolve: (session: ClientSession) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  readonly #ids: string[] = [];
  #record: ((id: string) => Promise<void>) | undefined;

  constructor(means: Means) {
    this.#means = means;
  }

  /** Has the ids of further sessions recorded before these are used. Returns the ids so far. */
  recordWith(record: (id: string) => Promise<void>): readonly string[] {
    this.#record = record;
    return [...this.#ids];
  }

  /**
   * Runs one transaction, again while it had no effect.
   * @param name the name of its commit for the fault points
   * @param conflictsMax how often another transaction may have written first before that is thrown
   */
  async transact<Result>(
    name: string,
    act: (session: ClientSession) => Promise<Result>,
    conflictsMax: number = limits.transactionAttemptsMax,
  ): Promise<Result> {
    const { clock, closing, writeConcern } = this.#means;
    const session = await this.#take();
    let givenUp: ActGivenUp | undefined;
    let conflicts = 0;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          session.startTransaction({
            readConcern: new ReadConcern("snapshot"),
            writeConcern,
            readPreference: "primary",
          });
          const result = await act(session);
          await this.#commit(name, session);
          return result;
        } catch (error) {
          if (error instanceof ActGivenUp) givenUp = error;
          else if (session.inTransaction()) await session.abortTransaction().catch(() => {});
          if (hasCode(error, serverErrors.writeConflict)) conflicts += 1;
          const isOver = attempt >= limits.transactionAttemptsMax || conflicts >= conflictsMax;
          if (!isTransient(error) || isOver) throw error;
          await clock.sleep(Math.min(2 ** attempt, 100), closing);
        }
      }
    } finally {
      if (givenUp) await this.#abandon(session, givenUp.ended);
      else this.#give(session);
    }
  }

  /** Returns the sessions to the driver. Those that are recorded stay ours: a successor may end them. */
  async close(): Promise<void> {
    if (this.#record) return;
    await Promise.all(this.#idle.splice(0).map((session) => session.endSession()));
  }

  /** Commits, also again: the server answers with the outcome of the first commit. */
  async #commit(name: string, session: ClientSession): Promise<void> {
    const { clock, closing, faultPoints } = this.#means;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await faultPoints.write(name, () => session.commitTransaction());
        return;
      } catch (error) {
        const isOver = isWriteTimeout(error) || attempt >= limits.commitAttemptsMax;
        if (!isUnknownOutcome(error) || isOver) throw error;
        await clock.sleep(limits.leaseAcquirePollMs, closing);
      }
    }
  }

  async #take(): Promise<ClientSession> {
    const idle = this.#idle.pop();
    if (idle) return idle;
    if (this.#ids.length >= limits.engineSessionsMax) {
      return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    const session = this.#means.client.startSession();
    const id = sessionId(session);
    this.#ids.push(id);
    try {
      await this.#record?.(id);
    } catch (error) {
      await this.#discard(session);
      throw error;
    }
    return session;
  }

  /**
   * Ends a transaction whose act may still write. For the driver it stays in its transaction until the act has ended:
   * once it was aborted there, the next write of the act would count by itself.
   */
  async #abandon(session: ClientSession, ended: Promise<unknown>): Promise<void> {
    const id = sessionId(session);
    this.#leave(id);
    const end = () => session.endSession().catch(() => {});
    void ended.then(end, end);
    await endSessions(this.#means.client, [id]);
  }

  async #discard(session: ClientSession): Promise<void> {
    this.#leave(sessionId(session));
    await session.endSession().catch(() => {});
  }

  /** Forgets a session. Another one takes its place where a transaction waits for it. */
  #leave(id: string): void {
    this.#ids.splice(this.#ids.indexOf(id), 1);
    const next = this.#waiting.shift();
    if (next) void this.#take().then(next.resolve, next.reject);
  }

  #give(session: ClientSession): void {
    const next = this.#waiting.shift();
    if (next) next.resolve(session);
    else this.#idle.push(session);
  }
}

/** Ends sessions of a process that is gone. It is a help and no condition: the server ends them within two minutes. */
export async function endSessions(client: MongoClient, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const killSessions = ids.filter((id) => UUID.isValid(id)).map((id) => ({ id: new UUID(id) }));
  await client
    .db("admin")
    .command({ killSessions })
    .catch(() => {});
}
