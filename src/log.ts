import { type DestinationStream, pino } from "pino";
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

const secrets = /(password|authMechanismProperties|tlsCertificateKeyFilePassword)=[^&\s"']*/gi;

/** Masks what a MongoDB URL must not tell, wherever it stands in a text. */
export function redactUrl(text: string): string {
  // Up to the last "@": a password that is not percent-encoded may hold one.
  return text.replace(/(mongodb(?:\+srv)?:\/\/)[^\s"']*@/gi, "$1***@").replace(secrets, "$1=***");
}

/** Nobody hears what cannot be written, as to a full disk: that is no reason to end. */
const ignoreTrouble = () => {};

/** Standard output, never waited for: where nobody reads it, what is too much is dropped. */
function standardOutput(): DestinationStream {
  const { stdout } = process;
  if (!stdout.listeners("error").includes(ignoreTrouble)) stdout.on("error", ignoreTrouble);
  return {
    write(line) {
      if (stdout.writableLength < limits.logPendingBytesMax) stdout.write(line);
    },
  };
}

/** A structured log, one JSON object a line, without credentials. */
export function createLog(options: { level?: string; destination?: DestinationStream }): Log {
  const destination = options.destination ?? standardOutput();
  return pino(
    { level: options.level ?? "info", base: null },
    { write: (line) => destination.write(redactUrl(line)) },
  );
}

/** Says nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
