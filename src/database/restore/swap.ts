import { type MongoClient, UUID } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import {
  bucketsPrefix,
  type Described,
  findByUuid,
  findCollection,
} from "../../mongo/catalogue/catalogue.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { isNetworkTrouble } from "../../mongo/transient.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { endIndexBuilds } from "../isolation/index-builds.ts";
import { dropIfThere } from "./drop.ts";

export interface SwapTarget {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  /** Aborts when mastership is lost. */
  readonly signal: AbortSignal;
}

/** The errors after which only the catalogue shows the outcome. */
const unclearOutcomes = [
  serverErrors.namespaceNotFound,
  serverErrors.namespaceExists,
  serverErrors.collectionUuidMismatch,
  serverErrors.backgroundOperation,
];

/** Renames exactly the collection of this UUID. The caller reads the outcome from the catalogue. */
async function rename(target: SwapTarget, from: Described, to: string): Promise<void> {
  const { client, databaseName, faultPoints } = target;
  await faultPoints.write("restore-swap", () =>
    client.db("admin").command({
      renameCollection: `${databaseName}.${from.name}`,
      to: `${databaseName}.${to}`,
      collectionUUID: new UUID(from.uuid),
      writeConcern: { w: "majority" },
    }),
  );
}

/** Looks at the catalogue once, and takes the one step that is missing. Returns true once none is. */
async function advance(
  target: SwapTarget,
  { name, uuid, replaces }: Swap,
  aside: string,
): Promise<boolean> {
  const live = await findCollection(target.client, target.databaseName, name);
  if (uuid === null ? live === undefined : live?.uuid === uuid) return true;
  if (live?.type === "collection") {
    // A process that wakes up after a successor finds the successor's collection here, and must leave it alone.
    if (live.uuid !== replaces) {
      throw new LockstepError(
        "restore-failed",
        `expected "${name}" to be ${replaces ?? "free"}, found ${live.uuid}: the restore begins again`,
        { collection: name },
      );
    }
    // No backup holds such a collection, and the server can neither rename it nor drop it by its UUID.
    if (live.name.startsWith(bucketsPrefix)) {
      await dropIfThere(target.client, target.databaseName, name);
      return false;
    }
    // The name contains the UUID, so a restore that begins again finds its names free.
    await rename(target, live, `${aside}.${live.uuid}`);
  } else if (live) await dropIfThere(target.client, target.databaseName, name);
  else {
    const loaded =
      uuid === null ? undefined : await findByUuid(target.client, target.databaseName, uuid);
    if (!loaded) {
      throw new LockstepError(
        "restore-failed",
        `expected the loaded copy of "${name}" (${uuid}), found none: the restore begins again`,
        { collection: name },
      );
    }
    await rename(target, loaded, name);
  }
  return false;
}

/** One swap. All swaps are decided and written into the fence before the first one begins. */
export interface Swap {
  readonly name: string;
  /** UUID of the new collection, or null for none. */
  readonly uuid: string | null;
  /** UUID of the collection that was there, or null where there was none. */
  readonly replaces: string | null;
}

/** Ends the index builds on the replaced collection, and on no other of its name. */
async function endBuildsOn(
  { client, databaseName }: SwapTarget,
  { name, replaces }: Swap,
): Promise<void> {
  if (replaces !== null) await endIndexBuilds(client, databaseName, { name, uuid: replaces });
}

/**
 * Puts the collection of a UUID under a name, or nothing for `null`. It keeps the collection that was there under a
 * name with another prefix. The UUIDs show what has happened, so a lost answer costs one look. They were read before
 * the fence was held, so a master that was deposed since moves nothing of its successor's.
 */
export async function swap(target: SwapTarget, wanted: Swap, aside: string): Promise<void> {
  const { name } = wanted;
  let last: unknown;
  for (let attempt = 0; attempt < limits.swapAttemptsMax; attempt += 1) {
    target.signal.throwIfAborted();
    try {
      if (await advance(target, wanted, aside)) return;
    } catch (error) {
      const known = hasCode(error, ...unclearOutcomes);
      if (!known && !isNetworkTrouble(error)) throw error;
      last = error;
      // An index build locks its collection's name. A replaced collection needs no more indexes.
      if (hasCode(error, serverErrors.backgroundOperation)) await endBuildsOn(target, wanted);
      await target.clock.sleep(limits.effectRetryDelayMs, target.signal);
    }
  }
  throw new LockstepError(
    "restore-failed",
    `"${name}" could not be swapped in ${limits.swapAttemptsMax} attempts: ${messageOf(last)}`,
    { collection: name },
  );
}
