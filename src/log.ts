import { type DestinationStream, pino } from "pino";

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

/** A structured log, one JSON object a line, without credentials. */
export function createLog(options: { level?: string; destination?: DestinationStream }): Log {
  const destination: DestinationStream = options.destination ?? {
    write: (line) => process.stdout.write(line),
  };
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
