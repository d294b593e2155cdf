import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";

/** Step-down, shutdown, not primary, interrupted, a transaction past its lifetime: it may be tried again. */
const retryableCodes = new Set([
  ...[6, 7, 89, 91, 189, 262, 290, 9001, 10107, 11600, 11601, 11602, 13435, 13436],
]);

/** What Node says of a broken connection; the driver lets some of it through as it is. */
const socketCodes = new Set([
  "EPIPE",
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "ETIMEDOUT",
  "ENOTFOUND",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
]);

/** A bulk write wraps whatever went wrong on its way in an error of its own, without its class. */
function unwrapped(error: unknown): unknown {
  const isWrapper = error instanceof MongoBulkWriteError && [error.writeErrors].flat().length === 0;
  return isWrapper && error.errorResponse instanceof Error ? error.errorResponse : error;
}

function isBrokenSocket(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && typeof code === "string" && socketCodes.has(code);
}

/** True for a transaction that had no effect and may be tried again. */
export function isTransient(thrown: unknown): boolean {
  const error = unwrapped(thrown);
  return error instanceof MongoError && error.hasErrorLabel("TransientTransactionError");
}

/** NoSuchTransaction, TransactionExceededLifetimeLimitSeconds, and Interrupted of the operation under way. */
const endedCodes = new Set([251, 290, 11601]);

/** True for a transaction that the server has ended: at its limit for them, or in an election. */
export function isEndedByServer(thrown: unknown): boolean {
  const code = Number((unwrapped(thrown) as { code?: unknown } | null)?.code);
  return endedCodes.has(code);
}

/** Written, and not acknowledged by a majority. */
function isUnacknowledged(error: unknown): boolean {
  return (
    error instanceof MongoWriteConcernError ||
    (error instanceof MongoBulkWriteError && error.result.getWriteConcernError() !== undefined)
  );
}

/** The server's name for it is WriteConcernFailed: the write is there, a majority has not said so in time. */
const writeConcernTimeout = 64;

/** True for a write that a majority did not acknowledge in the time that was set for it. */
export function isWriteTimeout(error: unknown): boolean {
  if (error instanceof MongoBulkWriteError) {
    return error.result.getWriteConcernError()?.code === writeConcernTimeout;
  }
  return error instanceof MongoWriteConcernError && Number(error.code) === writeConcernTimeout;
}

/** True when nobody knows whether the write took effect, and stays. */
export function isUnknownOutcome(thrown: unknown): boolean {
  const error = unwrapped(thrown);
  return (
    error instanceof MongoNetworkError ||
    isUnacknowledged(error) ||
    isBrokenSocket(error) ||
    (error instanceof MongoError &&
      (error.hasErrorLabel("UnknownTransactionCommitResult") ||
        error.hasErrorLabel("RetryableWriteError")))
  );
}

/** True for trouble on the way to the database, after which the same may be tried again. */
export function isNetworkTrouble(thrown: unknown): boolean {
  const error = unwrapped(thrown);
  return (
    isUnknownOutcome(error) ||
    isTransient(error) ||
    error instanceof MongoServerSelectionError ||
    (error instanceof MongoServerError && retryableCodes.has(Number(error.code)))
  );
}

/** The server's code for a command that its user has no right to. */
const unauthorizedCode = 13;

/** Trouble on the way to the database, or a right that is missing, as ours; anything else as it is. */
export function asUnreachable(error: unknown): unknown {
  if (isLockstepError(error)) return error;
  if (error instanceof MongoServerError && error.code === unauthorizedCode) {
    return new LockstepError(
      "rights-missing",
      `expected the user of the URL to have every right that this needs, got: ${messageOf(error)}: grant that to the user, then try again`,
    );
  }
  if (!isNetworkTrouble(error)) return error;
  if (isWriteTimeout(error)) {
    return new LockstepError(
      "no-majority",
      `expected a majority of the members to acknowledge a write, got: ${messageOf(error)}: it may still take effect; look for members that are away, delayed or behind (rs.status()), then look what became of it and ask again`,
      {},
      { cause: error },
    );
  }
  return new LockstepError(
    "database-unreachable",
    `expected the replica set to answer, got: ${messageOf(error)}: it is tried again when there is a primary`,
    {},
    { cause: error },
  );
}
