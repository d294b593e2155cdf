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
  return text.replace(/(mongodb(?:\+srv)?:\/\/)[^@\s"']*@/gi, "$1***@").replace(secrets, "$1=***");
}

/** Standard output. What cannot be written, as to a full disk, nobody hears: that is no reason to end. */
function standardOutput(): DestinationStream {
  const stream = pino.destination({ fd: 1, sync: true, maxLength: limits.logPendingBytesMax });
  stream.on("error", () => {});
  return stream;
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
