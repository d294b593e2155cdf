import { pino } from "pino";
import { LockstepError } from "./errors.ts";
import { limits } from "./limits.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The part of a logger that we use. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  child(fields: Fields): Log;
}

/**
 * Refuses a log of the user that lacks a method, as `console` does: the first call of it would fail in the midst of work.
 * @throws LockstepError `bad-argument`
 */
export function requireLog(log: Log): void {
  const names = ["debug", "info", "warn", "error", "child"] as const;
  const missing = names.filter((name) => typeof log?.[name] !== "function");
  if (missing.length === 0) return;
  const words = missing.map((name) => `"${name}"`).join(", ");
  throw new LockstepError(
    "bad-argument",
    `log: expected the methods debug, info, warn, error and child, as a logger of pino has them, found none of the name ${words}: give such a logger, or leave the option out`,
    { missing },
  );
}

/** The destination of a log's lines. No package's types are in ours, so that ours compile with any of its user's settings. */
export interface LogDestination {
  write(line: string): void;
}

/** True for each text that was not asked for before. It forgets all of them where there are too many. */
export function sayOnce(): (text: string) => boolean {
  const said = new Set<string>();
  return (text) => {
    if (said.has(text)) return false;
    if (said.size >= limits.saidOnceMax) said.clear();
    said.add(text);
    return true;
  };
}

const secrets = /(password|authMechanismProperties|tlsCertificateKeyFilePassword)=[^&\s"']*/gi;

/** Masks the secrets of MongoDB URLs anywhere in a text. */
export function redactUrl(text: string): string {
  // The match goes to the last "@", since a password that is not percent-encoded may hold one.
  return text.replace(/(mongodb(?:\+srv)?:\/\/)[^\s"']*@/gi, "$1***@").replace(secrets, "$1=***");
}

/** A log that cannot be written, as on a full disk, is no reason to end. */
const ignoreTrouble = () => {};

/** Standard output. The log never waits for it, and drops lines that nobody reads. */
function standardOutput(): LogDestination {
  const { stdout } = process;
  if (!stdout.listeners("error").includes(ignoreTrouble)) stdout.on("error", ignoreTrouble);
  return {
    write(line) {
      if (stdout.writableLength < limits.logPendingBytesMax) stdout.write(line);
    },
  };
}

/** A structured log without credentials, one JSON object a line. */
export function createLog(options: { level?: string; destination?: LogDestination }): Log {
  const destination = options.destination ?? standardOutput();
  return pino(
    { level: options.level ?? "info", base: null },
    { write: (line) => destination.write(redactUrl(line)) },
  );
}

/** A log that drops everything. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
