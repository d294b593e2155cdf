import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

/** The server's errors after which the same may be tried again. */
const retryable = [
  ...[serverErrors.hostUnreachable, serverErrors.hostNotFound, serverErrors.networkTimeout],
  ...[
    serverErrors.shutdownInProgress,
    serverErrors.primarySteppedDown,
    serverErrors.socketException,
  ],
  ...[serverErrors.exceededTimeLimit, serverErrors.transactionExceededLifetimeLimit],
  ...[serverErrors.notWritablePrimary, serverErrors.interruptedAtShutdown],
  ...[serverErrors.interrupted, serverErrors.interruptedByStateChange],
  ...[serverErrors.notPrimaryNoSecondaryOk, serverErrors.notPrimaryOrSecondary],
];

/** Node's codes for a broken connection. The driver lets some of them through. */
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

/** Unwraps the error of a bulk write, which hides the class of the original error. */
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

const ended: readonly number[] = [
  ...[serverErrors.noSuchTransaction, serverErrors.transactionExceededLifetimeLimit],
  serverErrors.interrupted,
];

/** True for a transaction that the server has ended, at its time limit or in an election. */
export function isEndedByServer(thrown: unknown): boolean {
  const code = Number((unwrapped(thrown) as { code?: unknown } | null)?.code);
  return ended.includes(code);
}

/** True for a write that was made and not acknowledged by a majority. */
function isUnacknowledged(error: unknown): boolean {
  return (
    error instanceof MongoWriteConcernError ||
    (error instanceof MongoBulkWriteError && error.result.getWriteConcernError() !== undefined)
  );
}

/** True for a write that a majority did not acknowledge in time. */
export function isWriteTimeout(error: unknown): boolean {
  if (error instanceof MongoBulkWriteError) {
    return error.result.getWriteConcernError()?.code === serverErrors.writeConcernFailed;
  }
  return (
    error instanceof MongoWriteConcernError &&
    Number(error.code) === serverErrors.writeConcernFailed
  );
}

/** The driver's own time-outs: for a connection of its pool, and for an operation as a whole (`timeoutMS`). */
function isDriverTimeout(error: unknown): boolean {
  const name = error instanceof MongoError ? error.name : "";
  return name === "MongoWaitQueueTimeoutError" || name === "MongoOperationTimeoutError";
}

/** True when it is unknown whether the write took effect and stays. */
export function isUnknownOutcome(thrown: unknown): boolean {
  const error = unwrapped(thrown);
  return (
    error instanceof MongoNetworkError ||
    isDriverTimeout(error) ||
    isUnacknowledged(error) ||
    isBrokenSocket(error) ||
    (error instanceof MongoError &&
      (error.hasErrorLabel("UnknownTransactionCommitResult") ||
        error.hasErrorLabel("RetryableWriteError")))
  );
}

/** True for network trouble, after which the same may be tried again. */
export function isNetworkTrouble(thrown: unknown): boolean {
  const error = unwrapped(thrown);
  return (
    isUnknownOutcome(error) ||
    isTransient(error) ||
    error instanceof MongoServerSelectionError ||
    hasCode(error, ...retryable)
  );
}

/** Turns network trouble or a missing right into an error of ours. Other errors stay as they are. */
export function asUnreachable(error: unknown): unknown {
  if (isLockstepError(error)) return error;
  if (hasCode(error, serverErrors.unauthorized)) {
    return new LockstepError(
      "rights-missing",
      `expected the user of the URL to have every right that this needs, got: ${messageOf(error)}: grant that to the user, then try again`,
    );
  }
  if (!isNetworkTrouble(error)) return error;
  if (isWriteTimeout(error)) {
    return new LockstepError(
      "no-majority",
      `expected a majority of the members to acknowledge a write, got: ${messageOf(error)}: it may still take effect; look for members that are away, delayed or behind (rs.status()), then check its outcome and ask again`,
      {},
      { cause: error },
    );
  }
  return new LockstepError(
    "database-unreachable",
    `expected the replica set to answer, got: ${messageOf(error)}: it is tried again once there is a primary`,
    {},
    { cause: error },
  );
}
