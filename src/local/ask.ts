import { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { systemClock } from "../ports/clock.ts";

/** Asks a member or a set, and closes the connection again. */
export async function withClient<Result>(
  url: string,
  act: (client: MongoClient) => Promise<Result>,
): Promise<Result> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 2_000 });
  try {
    return await act(client);
  } finally {
    await client.close();
  }
}

/**
 * Looks again until there is a result.
 * @throws LockstepError `timeout`; the signal's reason
 */
export async function poll<Result>(
  what: string,
  look: () => Promise<Result | undefined>,
  signal?: AbortSignal,
): Promise<Result> {
  const end = systemClock.monotonicMs() + limits.replicaSetReadyTimeoutMs;
  let last: unknown;
  while (systemClock.monotonicMs() < end) {
    signal?.throwIfAborted();
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await systemClock.sleep(50);
  }
  throw new LockstepError(
    "timeout",
    `the local replica set did not get ${what}: ${messageOf(last)}`,
  );
}
