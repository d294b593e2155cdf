import {
  type ClientSession,
  type Document,
  type MongoClient,
  ReadConcern,
  UUID,
  WriteConcern,
} from "mongodb";
import { assert, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { isEndedByServer, isNetworkTrouble } from "../mongo/transient.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import { type Control, fenceIdOf, fencesOf, readFence } from "./fences.ts";
import type { Mastership } from "./mastership.ts";

export interface Fenced {
  readonly clock: Clock;
  readonly client: MongoClient;
  readonly control: Control;
  readonly mastership: Mastership;
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
}

type TransactionOptions = Pick<Fenced, "client" | "clock" | "signal"> & {
  readonly mastership: Pick<Mastership, "signal">;
};

/** The error of a master whose epoch is over. It is never a failed step. */
export function deposed(epoch: number): LockstepError {
  return new LockstepError("fenced", `a successor has raised the fence above epoch ${epoch}`);
}

/**
 * Refuses to blame the work for an error that may come from a successor at work.
 * @throws LockstepError `fenced`
 */
export async function refuseDeposed({
  control,
  mastership,
}: Pick<Fenced, "control" | "mastership">): Promise<void> {
  const fence = await readFence(control);
  if (fence?.epoch !== mastership.epoch) throw deposed(mastership.epoch);
}

/** The part of the fence document that moves with a transaction. */
type Field = "progress" | "rehearsal" | "restore";
type Tick = { readonly field: Field; readonly sequence: number };

/**
 * Notes the session in the fence. The fence keeps the sessions of all masters of an upgrade that change live data, so
 * a change event with another session is a foreign write.
 */
function sessionsChange(
  session: ClientSession,
  { field, sequence }: Tick,
): { set: Document; rest: Document } {
  if (field !== "progress") return { set: {}, rest: {} };
  const id = new UUID(session.id?.id?.buffer).toHexString();
  return sequence === 0
    ? { set: { sessions: [id] }, rest: {} }
    : { set: {}, rest: { $addToSet: { sessions: id } } };
}

/** The error of a transaction that is too slow for the server's limit, and cannot get smaller. */
function endedTooOften(endings: number, lastedMs: number, cause: unknown): LockstepError {
  return new LockstepError(
    "timeout",
    `expected the server to let this transaction commit, but it ended it ${endings} times, the last time after ${Math.round(lastedMs)} ms: do less in it, or raise transactionLifetimeLimitSeconds on every member`,
    { endings, lastedMs: Math.round(lastedMs) },
    { cause },
  );
}

/**
 * Runs a transaction, again while only network trouble or the server's limit for transactions ends it.
 * @param shrink makes the next attempt do less, and returns whether it could
 * @throws LockstepError `timeout` when the server keeps ending one that cannot get smaller
 */
export async function transaction<Result>(
  { client, clock, mastership, signal }: TransactionOptions,
  readConcern: "snapshot" | "local",
  act: (session: ClientSession) => Promise<Result>,
  shrink: () => boolean = () => false,
): Promise<Result> {
  let endings = 0;
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    mastership.signal.throwIfAborted();
    const startMs = clock.monotonicMs();
    const session = client.startSession();
    try {
      session.startTransaction({
        readConcern: new ReadConcern(readConcern),
        writeConcern: new WriteConcern("majority", undefined, true),
        readPreference: "primary",
      });
      return await act(session);
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => {});
      if (!isNetworkTrouble(error) || attempt >= limits.transactionAttemptsMax) throw error;
      const lastedMs = clock.monotonicMs() - startMs;
      const isTooSlow = isEndedByServer(error) && lastedMs >= limits.transactionEndingMsMin;
      if (shrink()) endings = 0;
      else if (isTooSlow) endings += 1;
      if (endings >= limits.transactionEndingsMax) throw endedTooOften(endings, lastedMs, error);
      await clock.sleep(limits.transactionRetryDelayMs, signal);
    } finally {
      await session.endSession();
    }
  }
}

/**
 * Writes at our epoch or not at all. It writes again where the answer is lost.
 * @throws LockstepError `fenced`
 */
export function writeFenced(
  fenced: Fenced,
  write: (session: ClientSession) => Promise<unknown>,
): Promise<void> {
  const { epoch } = fenced.mastership;
  return transaction(fenced, "snapshot", async (session) => {
    const filter = { _id: fenceIdOf(fenced.control), epoch };
    const touched = await fencesOf(fenced.control).updateOne(
      filter,
      { $inc: { sequence: 1 } },
      { session },
    );
    if (touched.matchedCount !== 1) throw deposed(epoch);
    await write(session);
    await session.commitTransaction();
  });
}

/**
 * Changes the fence at our epoch in one transaction and moves the progress in it from one tick to the next. So the
 * transaction counts exactly once or not at all, also when its answer is lost.
 * @param prepare runs first inside the transaction, and returns the new progress
 * @throws LockstepError `fenced`
 */
export async function fencedTransaction<Prepared>(
  fenced: Fenced,
  name: string,
  tick: {
    readonly field: Field;
    readonly sequence: number;
    /**
     * Creating a collection requires `local`. The write to the fence makes such a transaction conflict all the same.
     */
    readonly readConcern?: "local";
    /** Makes the next attempt do less, and returns whether it could. */
    shrink?(): boolean;
  },
  prepare: (session: ClientSession) => Promise<{ prepared: Prepared; progress: Document }>,
  write: (session: ClientSession, prepared: Prepared) => Promise<void>,
): Promise<Prepared> {
  const { mastership, faultPoints } = fenced;
  const fences = fencesOf(fenced.control);
  const filter = { _id: fenceIdOf(fenced.control) };
  let committing: { readonly prepared: Prepared } | undefined;
  const readSequence = async (session: ClientSession): Promise<number> => {
    const fence = await fences.findOne(filter, { session });
    if (Number(fence?.["epoch"]) !== mastership.epoch) throw deposed(mastership.epoch);
    return Number(fence?.[tick.field]?.sequence);
  };
  const act = async (session: ClientSession) => {
    // A commit whose answer was lost may have taken effect. The fence is read before anything is prepared, since a
    // step's function must not get the documents that this commit has changed. (The first tick cannot tell this run
    // from an earlier one. It changes no documents, and is made again.)
    if (committing && tick.sequence > 0 && (await readSequence(session)) !== tick.sequence) {
      // This commit waits until a majority has the earlier one.
      await fences.updateOne(filter, { $inc: { sequence: 1 } }, { session });
      await session.commitTransaction();
      return committing.prepared;
    }
    const { prepared, progress } = await prepare(session);
    const sessions = sessionsChange(session, tick);
    const touched = await fences.updateOne(
      {
        ...filter,
        epoch: mastership.epoch,
        ...(tick.sequence === 0 ? {} : { [`${tick.field}.sequence`]: tick.sequence }),
      },
      {
        $inc: { sequence: 1 },
        $set: { [tick.field]: { ...progress, sequence: tick.sequence + 1 }, ...sessions.set },
        ...sessions.rest,
      },
      { session },
    );
    if (touched.matchedCount !== 1) {
      const found = await readSequence(session);
      assert(false, "nobody else moves our progress", { expected: tick.sequence, found });
    }
    await write(session, prepared);
    // An attempt gets here only when no earlier one can still commit: both lock the fence document.
    committing = { prepared };
    await faultPoints.write(name, () => session.commitTransaction());
    return prepared;
  };
  return transaction(fenced, tick.readConcern ?? "snapshot", act, tick.shrink);
}
