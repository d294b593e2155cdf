import { type ClientSession, MongoClient, MongoError } from "mongodb";
import { LockstepError, messageOf } from "../../../../errors.ts";
import { limits } from "../../../../limits.ts";
import { asUnreachable, isTransient, isUnknownOutcome } from "../../../../mongo/transient.ts";
import { noTransaction } from "../../refusals.ts";

/** The names of the driver's errors of a client that the application has closed. */
const closedNames = new Set([
  "MongoNotConnectedError",
  "MongoClientClosedError",
  "MongoTopologyClosedError",
  "MongoExpiredSessionError",
]);

/** The names of its errors of a session with which it sends nothing. */
const sessionNames = new Set(["MongoInvalidArgumentError", "MongoTransactionError"]);

const nameOf = (error: unknown) => (error instanceof MongoError ? error.name : "");

/**
 * Refuses a value that is no client of this copy of the driver. An ODM may bring a copy of its own, whose errors this copy would
 * not know.
 * @throws LockstepError `bad-argument`, `driver-not-supported`
 */
export function requireOwnClient(client: unknown): void {
  if (client instanceof MongoClient) return;
  const { db, startSession } = (client ?? {}) as Partial<Record<keyof MongoClient, unknown>>;
  if (typeof db !== "function" || typeof startSession !== "function") {
    const found = client === undefined || client === null ? String(client) : `a ${kindOf(client)}`;
    throw new LockstepError(
      "bad-argument",
      `client: expected a MongoClient, found ${found}: give the client itself, as \`mongoose.connection.getClient()\` once mongoose has connected`,
    );
  }
  throw new LockstepError(
    "driver-not-supported",
    'expected a client of the same copy of the package "mongodb" that Lockstep uses, found one of another copy: `npm ls mongodb` shows the copies; install "mongodb" in exactly the version that the package which made the client depends on, so that there is one',
  );
}

/**
 * Refuses what is no session with a transaction that has begun.
 * @throws LockstepError `bad-argument`
 */
export function requireBegun(session: ClientSession): void {
  if (typeof session.inTransaction !== "function") {
    throw new LockstepError(
      "bad-argument",
      `session: expected a session of the client that the engine has, found a ${kindOf(session)}: begin one with \`client.withSession\``,
    );
  }
  if (!session.inTransaction()) throw noTransaction();
}

/** Turns what the driver throws at a call of the engine, network trouble for example, into an error of ours. */
export function asCallError(error: unknown): unknown {
  if (!closedNames.has(nameOf(error))) return asUnreachable(error);
  return new LockstepError(
    "aborted",
    `expected the engine's client to be open, got: ${messageOf(error)}: close the engine before its client; a call that was under way may have taken effect, so make it again with its key`,
    {},
    { cause: error },
  );
}

/** The same within a transaction of the caller, where the error that tells to try it again stays as it is. */
export function asSessionError(error: unknown): unknown {
  if (isTransient(error) || isUnknownOutcome(error)) return error;
  if (!sessionNames.has(nameOf(error))) return asCallError(error);
  return new LockstepError(
    "bad-argument",
    `session: expected a session of the client that the engine has, whose transaction reads from the primary, got: ${messageOf(error)}: begin it with \`withSession\` of that client, and with \`readPreference: "primary"\``,
    {},
    { cause: error },
  );
}

/** The name of its class, or its type. */
function kindOf(value: NonNullable<unknown>): string {
  return typeof value === "object" ? (value.constructor?.name ?? "object") : typeof value;
}

/**
 * Refuses a client with which an engine could not work. The change stream of a worker holds a connection, so with one
 * connection its timers would never fire.
 * @throws LockstepError `bad-argument`
 */
export function requireUsableClient({ options }: MongoClient, work: boolean): void {
  const { serverApi, maxPoolSize } = options;
  if (serverApi?.strict === true) {
    throw new LockstepError(
      "bad-argument",
      "expected a client that may use all commands, found `serverApi.strict`: the engine asks for the server's version and the user's rights, which the Stable API does not have; leave `strict` out",
    );
  }
  // For the driver, 0 is no limit.
  if (!work || maxPoolSize === 0 || maxPoolSize >= limits.workerConnectionsMin) return;
  throw new LockstepError(
    "bad-argument",
    `expected a worker's client with at least ${limits.workerConnectionsMin} connections to a server, found \`maxPoolSize\` ${maxPoolSize}: raise it, or give \`work: false\``,
  );
}
