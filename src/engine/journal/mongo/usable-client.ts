import type { MongoClient } from "mongodb";
import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

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
