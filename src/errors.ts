/** Every code that an expected failure may carry: part of the public surface, listed in the README. */
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
  | "restore-failed"
  | "rights-missing"
  | "schema-conflict"
  | "step-failed"
  | "step-kills-process"
  | "step-not-deterministic"
  | "steps-differ"
  | "timeout"
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

/** True for what says nothing of the work itself: whoever is master next, or is there again, goes on with it. */
export function isPassing(error: unknown): boolean {
  const codes: readonly ErrorCode[] = ["fenced", "lease-lost", "aborted", "database-unreachable"];
  return isLockstepError(error) && codes.includes(error.code);
}

/** An error as it is journalled, answered, and shown. */
export function reasonOf({ code, message, details }: LockstepError): {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
} {
  return { code, message, details };
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

/** The message of anything that was thrown, without the command that a server quotes. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(refusedCommand, "not authorized on $1 to execute the command $2 ($3)");
}
