import type { Reason } from "../machines/vocabulary.ts";
import { limits } from "./limits.ts";

export type { Reason } from "../machines/vocabulary.ts";

/** Every code of an expected failure. The codes are part of the public surface, and docs/errors.md explains them. */
export type ErrorCode =
  | "aborted"
  | "agent-silent"
  | "attempts-lost"
  | "backup-failed"
  | "backup-mismatch"
  | "bad-argument"
  | "cannot-describe"
  | "cannot-start"
  | "conflict"
  | "database-not-supported"
  | "database-unreachable"
  | "differs-from-live"
  | "directory-taken"
  | "disk-full"
  | "driver-not-supported"
  | "duplicate"
  | "duplicate-start"
  | "duplicate-step"
  | "entry-not-readable"
  | "entry-too-large"
  | "event-rejected"
  | "fenced"
  | "file-trouble"
  | "files-short"
  | "film-not-readable"
  | "foreign-writes"
  | "heartbeat-fresh"
  | "history-expired"
  | "invariant-broken"
  | "lease-lost"
  | "machine-differs"
  | "machine-not-supported"
  | "machine-unknown"
  | "migration-refused"
  | "moment-gone"
  | "mongod-does-not-run"
  | "mongod-not-found"
  | "name-taken"
  | "no-majority"
  | "no-master"
  | "no-upgrade"
  | "no-version"
  | "not-a-replica-set"
  | "not-ready"
  | "peers-missing"
  | "plan-differs"
  | "port-taken"
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
  | "transition-endless"
  | "unexpected"
  | "unknown-actor"
  | "unknown-agent"
  | "upgrade-active"
  | "value-not-kept"
  | "version-exists"
  | "version-not-higher"
  | "version-not-semver"
  | "wrong-state";

/** An expected failure. Its message says what was expected, what was found, and what to do next. */
export class LockstepError extends Error {
  override readonly name = "LockstepError";
  readonly code: ErrorCode;
  /** Facts for programs, as ids and figures. They are plain JSON. */
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

/** True for a LockstepError. With a code, it must have that code. */
export function isLockstepError(error: unknown, code?: ErrorCode): error is LockstepError {
  return error instanceof LockstepError && (code === undefined || error.code === code);
}

/**
 * The codes that say nothing of the work itself, and what ends the trouble:
 * - `away`: the database answers again, or a majority does. The same process tries again.
 * - `deposed`: another process goes on with the work. This one must not.
 * - `disk`: an operator makes room on this host, or repairs its disk.
 */
const causes: Readonly<Partial<Record<ErrorCode, "away" | "deposed" | "disk">>> = {
  "database-unreachable": "away",
  "no-majority": "away",
  aborted: "deposed",
  fenced: "deposed",
  "lease-lost": "deposed",
  "disk-full": "disk",
  "file-trouble": "disk",
};

const causeOf = (error: unknown) => (isLockstepError(error) ? causes[error.code] : undefined);

/** True for trouble with the disk of this host. */
export function isFileTrouble(error: unknown): error is LockstepError {
  return causeOf(error) === "disk";
}

/** True where the database does not answer, or a majority acknowledges nothing. */
export function isAway(error: unknown): error is LockstepError {
  return causeOf(error) === "away";
}

/** True where another process goes on with the work. */
export function isDeposed(error: unknown): error is LockstepError {
  return causeOf(error) === "deposed";
}

/** True where the work itself has not failed: this process, or another one, goes on with it. */
export function isPassing(error: unknown): error is LockstepError {
  return isAway(error) || isDeposed(error);
}

/** A text of at most this length, with a mark where it was cut. Pure. */
export function cutTo(text: string, lengthMax: number): string {
  return text.length <= lengthMax
    ? text
    : `${text.slice(0, lengthMax)}… (cut: ${text.length} characters)`;
}

/** A bounded form of an error, for the journal, an answer, or a person. */
export function reasonOf({ code, message, details }: LockstepError): Reason & {
  readonly code: ErrorCode;
} {
  const length = lengthOf(details);
  return {
    code,
    message: cutTo(message, limits.reasonMessageLengthMax),
    details: length <= limits.reasonDetailsLengthMax ? details : { cut: String(length) },
  };
}

/**
 * The length of a value as JSON. It is infinite where a value has none, since the error of a step may carry anything.
 */
function lengthOf(value: unknown): number {
  try {
    return JSON.stringify(value).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Checks an invariant of the code, in production too. */
export function assert(
  condition: unknown,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new LockstepError("invariant-broken", message, details);
}

/**
 * Matches a refusal of the server, which quotes the whole command with its data and a signature of the cluster's
 * time.
 */
const refusedCommand =
  /not authorized on (\S+) to execute command \{ (\w+): ("[^"]*"|[^\s,]+).*\}/s;

/** The action of a role for each command that has another name. */
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

/** The server's refusal without the quoted command, and with the actions that a role has to grant. */
function refusalText(quoted: string, database: string, command: string, name: string): string {
  const actions = [
    quoted.includes("$changeStream: ") ? "find, changeStream" : (actionsOf[command] ?? command),
    ...(quoted.includes(" bypassDocumentValidation: true") ? ["bypassDocumentValidation"] : []),
  ];
  return `not authorized on ${database} to execute the command ${command} (${name}), which needs ${actions.join(", ")} there`;
}

/** The message of any thrown value, without a command that the server quotes. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(refusedCommand, refusalText);
}
