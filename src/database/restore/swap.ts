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
import { dropIfThere } from "./load.ts";

export interface SwapTarget {
  readonly client: MongoClient;
  readonly databaseName: string;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  /** Aborts when mastership is lost. */
  readonly signal: AbortSignal;
}

/** The errors after which the catalogue is read again. */
const lookAgain = [
  serverErrors.namespaceNotFound,
  serverErrors.namespaceExists,
  serverErrors.collectionUuidMismatch,
  serverErrors.backgroundOperation,
];

/** Renames exactly the collection of this UUID; the caller looks at what came of it. */
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

/** One look at the catalogue, and the one thing that is missing. True once nothing is. */
async function advance(
  target: SwapTarget,
  { name, uuid, replaces }: Swap,
  aside: string,
): Promise<boolean> {
  const live = await findCollection(target.client, target.databaseName, name);
  if (uuid === null ? live === undefined : live?.uuid === uuid) return true;
  if (live?.type === "collection") {
    // Whoever wakes up after a successor finds its collection here, and has no business with it.
    if (live.uuid !== replaces) {
      throw new LockstepError(
        "restore-failed",
        `expected "${name}" to be ${replaces ?? "nobody's"} still, it is ${live.uuid}: the restore begins again`,
        { collection: name },
      );
    }
    // No backup holds one of these, and the server neither renames it nor drops it by its UUID.
    if (live.name.startsWith(bucketsPrefix)) {
      await dropIfThere(target.client, target.databaseName, name);
      return false;
    }
    // By its UUID: a restore that begins again finds no name of the one before taken.
    await rename(target, live, `${aside}.${live.uuid}`);
  } else if (live) await dropIfThere(target.client, target.databaseName, name);
  else {
    const loaded =
      uuid === null ? undefined : await findByUuid(target.client, target.databaseName, uuid);
    if (!loaded) {
      throw new LockstepError(
        "restore-failed",
        `expected the loaded copy of "${name}" (${uuid}), it is gone: the restore begins again`,
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
  /** Of the collection that is put there; null for none. */
  readonly uuid: string | null;
  /** Of the collection that was there; null where there was none. */
  readonly replaces: string | null;
}

/** Ends the index builds on the collection that is replaced, and on no other of its name. */
async function endBuildsOn(
  { client, databaseName }: SwapTarget,
  { name, replaces }: Swap,
): Promise<void> {
  if (replaces !== null) await endIndexBuilds(client, databaseName, { name, uuid: replaces });
}

/**
 * Puts the collection of a UUID under a name (or nothing, for `null`), and the one that was there aside
 * under a name that begins with another: it is kept. The UUIDs say what has happened, so an answer that was
 * lost costs one look; and they were taken before the fence was held, so one who is deposed since moves
 * nothing of a successor's.
 */
export async function swap(target: SwapTarget, wanted: Swap, aside: string): Promise<void> {
  const { name } = wanted;
  let last: unknown;
  for (let attempt = 0; attempt < limits.swapAttemptsMax; attempt += 1) {
    target.signal.throwIfAborted();
    try {
      if (await advance(target, wanted, aside)) return;
    } catch (error) {
      const known = hasCode(error, ...lookAgain);
      if (!known && !isNetworkTrouble(error)) throw error;
      last = error;
      // An index build holds its collection's name: what is replaced needs none of it.
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
