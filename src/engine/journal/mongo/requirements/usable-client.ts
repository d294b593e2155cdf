import { MongoClient } from "mongodb";
import { LockstepError } from "../../../../errors.ts";
import { limits } from "../../../../limits.ts";

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
