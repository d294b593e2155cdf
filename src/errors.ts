import { limits } from "./limits.ts";

/** Every code that an expected failure may carry: part of the public surface, explained in docs/errors.md. */
export type ErrorCode =
  | "aborted"
  | "backup-failed"
  | "backup-mismatch"
  | "bad-argument"
  | "cannot-start"
  | "conflict"
  | "database-not-supported"
  | "database-unreachable"
  | "disk-full"
  | "duplicate-step"
  | "entry-not-readable"
  | "entry-too-large"
  | "fenced"
  | "file-trouble"
  | "files-short"
  | "foreign-writes"
  | "heartbeat-fresh"
  | "invariant-broken"
  | "lease-lost"
  | "machine-not-supported"
  | "mongod-not-found"
  | "mongod-does-not-run"
  | "moment-gone"
  | "no-majority"
  | "no-master"
  | "no-upgrade"
  | "no-version"
  | "not-a-replica-set"
  | "peers-missing"
  | "record-broken"
  | "restore-failed"
  | "rights-missing"
  | "schema-conflict"
  | "step-failed"
  | "step-kills-process"
  | "step-not-deterministic"
  | "steps-differ"
  | "timeout"
  | "too-many-requests"
  | "unexpected"
  | "unknown-agent"
  | "upgrade-active"
  | "version-exists"
  | "version-not-higher"
  | "version-not-semver"
  | "wrong-state";

/** An expected failure: what was expected, what was found, and what to do next. */
export class LockstepError extends Error {
  override readonly name = "LockstepError";
  readonly code: ErrorCode;
  /** Facts for machines: ids, figures; always plain JSON. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** True for a LockstepError, of the code when one is given. */
export function isLockstepError(error: unknown, code?: ErrorCode): error is LockstepError {
  return error instanceof LockstepError && (code === undefined || error.code === code);
}

/** True for trouble with this host's own disk: somebody has to see to it, and then it goes on. */
export function isFileTrouble(error: unknown): error is LockstepError {
  return isLockstepError(error, "disk-full") || isLockstepError(error, "file-trouble");
}

/** True where the database does not answer, or a majority acknowledges nothing: the same work is tried again. */
export function isAway(error: unknown): error is LockstepError {
  return isLockstepError(error, "database-unreachable") || isLockstepError(error, "no-majority");
}

/** True for what says nothing of the work itself: whoever is master next, or is there again, goes on with it. */
export function isPassing(error: unknown): boolean {
  const codes: readonly ErrorCode[] = ["fenced", "lease-lost", "aborted"];
  return isAway(error) || (isLockstepError(error) && codes.includes(error.code));
}

/** A text that is not longer than it may be, with a mark where it was cut. Pure. */
export function cutTo(text: string, lengthMax: number): string {
  return text.length <= lengthMax
    ? text
    : `${text.slice(0, lengthMax)}… (cut: ${text.length} characters)`;
}

/** An error as it is journalled, answered, and shown: bounded, whatever threw it. */
export function reasonOf({ code, message, details }: LockstepError): {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
} {
  const length = lengthOf(details);
  return {
    code,
    message: cutTo(message, limits.reasonMessageLengthMax),
    details: length <= limits.reasonDetailsLengthMax ? details : { cut: String(length) },
  };
}

/** Of a value as JSON; infinite where it has none: a step's own error may carry anything. */
function lengthOf(value: unknown): number {
  try {
    return JSON.stringify(value).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** An invariant of the code, checked in production too. */
export function assert(
  condition: unknown,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new LockstepError("invariant-broken", message, details);
}

/** A server quotes the whole command that it refuses, with data and with a signature of the cluster's time. */
const refusedCommand =
  /not authorized on (\S+) to execute command \{ (\w+): ("[^"]*"|[^\s,]+).*\}/s;

/** Actions of a role, where a command is named otherwise. */
const actionsOf: Readonly<Record<string, string>> = {
  aggregate: "find",
  count: "find",
  create: "createCollection",
  createIndexes: "createIndex",
  delete: "remove",
  distinct: "find",
  drop: "dropCollection",
  dropIndexes: "dropIndex",
  findAndModify: "find, update",
  renameCollection: "renameCollectionSameDB",
};

/** The server's refusal of a command without what it quotes, and with the actions that a role has to grant. */
function refusalText(quoted: string, database: string, command: string, name: string): string {
  const actions = [
    quoted.includes("$changeStream: ") ? "find, changeStream" : (actionsOf[command] ?? command),
    ...(quoted.includes(" bypassDocumentValidation: true") ? ["bypassDocumentValidation"] : []),
  ];
  return `not authorized on ${database} to execute the command ${command} (${name}), which needs ${actions.join(", ")} there`;
}

/** The message of anything that was thrown, without the command that a server quotes. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(refusedCommand, refusalText);
}
