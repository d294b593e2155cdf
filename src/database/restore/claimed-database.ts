import type { Document, MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { type Claim, type ClaimDocument, type Created, claimsOf } from "../../leadership/claims.ts";
import { transaction } from "../../leadership/fenced-transaction.ts";
import { limits } from "../../limits.ts";
import { anotherCollection } from "../../mongo/bson/raw-insert.ts";
import {
  type CollectionEntry,
  dataCollection,
  listCollections,
} from "../../mongo/catalogue/catalogue.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { dropExactly, dropIfThere } from "./load.ts";

/** The acts on a claimed database, and their owner. */
export interface ClaimedDatabase {
  readonly client: MongoClient;
  readonly claim: Claim;
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
}

type Found = Pick<CollectionEntry, "name" | "type" | "uuid">;

const viewsName = "system.views";

/** All entries of a database, its bookkeeping too: each with the UUID of the collection that holds its data. */
async function list(
  client: MongoClient,
  databaseName: string,
  filter: Document = {},
): Promise<readonly Found[]> {
  const listed = await listCollections(client, databaseName, filter);
  const uuids = new Map(listed.map(({ name, uuid }) => [name, uuid]));
  const all = listed.map(({ name, type }) => ({
    ...{ name, type },
    uuid: uuids.get(dataCollection({ name, type }) ?? "") ?? "",
  }));
  // The buckets of a time series go with it.
  const series = all.flatMap((found) => (found.type === "timeseries" ? dataCollection(found) : []));
  return all.filter(({ name }) => !series.includes(name));
}

/**
 * Drops what was seen, by its UUID: another of its name stays. The server takes none for a view, which holds
 * no data, nor for a time series.
 */
async function dropSeen(
  { client, claim, faultPoints }: ClaimedDatabase,
  found: Found,
): Promise<void> {
  await faultPoints.write("claim-drop", () =>
    found.type === "collection"
      ? dropExactly(client, claim.name, found)
      : dropIfThere(client, claim.name, found.name),
  );
}

/**
 * Drops the collection that the server keeps views in, which is empty by now. Not even the role root has a right
 * to it: then it stays, and holds nothing.
 * @returns false where it stays
 */
async function dropViewsRecord(
  database: ClaimedDatabase,
  found: readonly Found[],
): Promise<boolean> {
  try {
    for (const each of found) await dropSeen(database, each);
    return true;
  } catch (error) {
    if (!hasCode(error, serverErrors.unauthorized)) throw error;
    return false;
  }
}

/**
 * Empties a claimed database and never drops it. The collections are listed before the claim is held, so all
 * of them were created while it was ours: what a later owner creates has other UUIDs.
 * @throws LockstepError `conflict` where the claim is another's, or another keeps creating collections
 */
export async function emptyDatabase(database: ClaimedDatabase): Promise<void> {
  const { client, claim } = database;
  for (let look = 1; look <= limits.emptyLooksMax; look += 1) {
    const found = await list(client, claim.name);
    if (found.length === 0) return;
    await claim.hold({ $set: { created: [] }, $inc: { looks: 1 } });
    const isLast = ({ name }: Found) => name === viewsName;
    for (const each of found.filter((one) => !isLast(one))) await dropSeen(database, each);
    // Views are kept in it: it is only dropped where there was none any more.
    if (found.every(isLast) && !(await dropViewsRecord(database, found))) return;
  }
  throw new LockstepError(
    "conflict",
    `expected "${claim.name}" to stay empty, another process creates collections there: it is a database of Lockstep, leave it alone`,
    { databaseName: claim.name },
  );
}

/**
 * True for what the owner of a claim has created itself. One that was begun and not written down as created is
 * only taken for its own where it is empty. Pure.
 */
export function isCreated(
  created: readonly Created[],
  found: Found & { readonly isEmpty: boolean },
): boolean {
  return created.some(
    ({ name, type, uuid }) =>
      name === found.name &&
      type === found.type &&
      (uuid === null ? found.type !== "view" && found.isEmpty : uuid === found.uuid),
  );
}

/** True for what the owner of a claim has created; whether it is empty is only looked up where that decides. */
async function isOwn(
  client: MongoClient,
  databaseName: string,
  created: readonly Created[],
  found: Found,
): Promise<boolean> {
  if (!created.some(({ name }) => name === found.name)) return false;
  const source = dataCollection(found);
  const isEmpty = source !== null && !(await client.db(databaseName).collection(source).findOne());
  return isCreated(created, { ...found, isEmpty });
}

/** True where a database holds more than the remains of its claim, so that it stays when these are dropped. */
export async function holdsMore(
  client: MongoClient,
  { name, created }: Pick<ClaimDocument, "name" | "created">,
): Promise<boolean> {
  for (const found of await list(client, name)) {
    if (found.name !== viewsName && !(await isOwn(client, name, created, found))) return true;
  }
  return false;
}

/**
 * Drops what the claim says was created under it, and nothing else.
 * @throws LockstepError `conflict` where the claim is another's
 */
export async function dropCreated(database: ClaimedDatabase): Promise<void> {
  const { client, claim } = database;
  const document = await claimsOf(client).findOne(claim.key);
  const created = document?.created ?? [];
  if (created.length === 0) return;
  const isNamed = ({ name }: Found) => created.some((one) => one.name === name);
  const before = (await list(client, claim.name)).filter(isNamed);
  await claim.hold();
  for (const found of before) {
    if (await isOwn(client, claim.name, created, found)) await dropSeen(database, found);
  }
  const after = await list(client, claim.name);
  if (after.every(({ name }) => name === viewsName)) {
    await dropViewsRecord(database, after);
  }
  await claim.hold({ $set: { created: [] } });
}

/** Creates a plain collection in a transaction that changes the claim: who has lost it creates nothing. */
async function createInTransaction(
  { client, claim, signal, faultPoints, clock }: ClaimedDatabase,
  command: Document,
): Promise<void> {
  const name = String(command["create"]);
  const claims = claimsOf(client);
  await faultPoints.write("load-create", () =>
    transaction({ client, clock, signal, mastership: claim }, "local", async (session) => {
      const note: Created = { name, type: "collection", uuid: null };
      const noted = await claims.updateOne(claim.key, { $push: { created: note } } as Document, {
        session,
      });
      if (noted.matchedCount !== 1) throw anotherCollection(name);
      await client.db(claim.name).command(command, { session });
      await session.commitTransaction();
    }),
  );
}

/**
 * Creates a collection that is not there, and writes down in the claim that it did.
 * @returns its UUID, read before the claim was seen to be this owner's still: a later owner's is another one
 * @throws LockstepError `conflict`, `restore-failed` where one of that name is there
 */
export async function createClaimed(
  database: ClaimedDatabase,
  command: Document,
  type: CollectionEntry["type"],
): Promise<string> {
  const { client, claim, faultPoints } = database;
  const name = String(command["create"]);
  try {
    if (type === "collection") await createInTransaction(database, command);
    else {
      // The server allows a transaction for neither a view nor a time series: the note comes first.
      await claim.hold({ $push: { created: { name, type, uuid: null } } });
      await faultPoints.write("load-create", () =>
        client.db(claim.name).command({ ...command, writeConcern: { w: "majority" } }),
      );
    }
  } catch (error) {
    if (!hasCode(error, serverErrors.namespaceExists)) throw error;
    // A commit whose answer was lost is made again, and finds what it has created itself.
    const own = { ...claim.key, created: { $elemMatch: { name, type: "collection" } } };
    if (!(await claimsOf(client).findOne(own))) throw anotherCollection(name);
  }
  const names = [name, dataCollection({ name, type }) ?? name];
  const [found] = await list(client, claim.name, { name: { $in: names } });
  if (found?.type !== type) throw anotherCollection(name);
  const isNew = { "created.$[new].uuid": found.uuid };
  await claim.hold({ $set: isNew }, { arrayFilters: [{ "new.name": name }] });
  return found.uuid;
}
