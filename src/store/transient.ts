import { MongoError, MongoNetworkError, MongoServerSelectionError } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";

/** True for a transaction that had no effect and may be tried again. */
export function isTransient(error: unknown): boolean {
  return error instanceof MongoError && error.hasErrorLabel("TransientTransactionError");
}

/** True when nobody knows whether the write took effect. */
export function isUnknownOutcome(error: unknown): boolean {
  return (
    error instanceof MongoNetworkError ||
    (error instanceof MongoError &&
      (error.hasErrorLabel("UnknownTransactionCommitResult") ||
        error.hasErrorLabel("RetryableWriteError")))
  );
}

/** A driver's network error as ours; anything else as it is. */
export function asUnreachable(error: unknown): unknown {
  const network =
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    isUnknownOutcome(error);
  return network
    ? new LockstepError(
        "database-unreachable",
        `expected the replica set to answer, got: ${messageOf(error)}: it is tried again when there is a primary`,
        {},
        { cause: error },
      )
    : error;
}
