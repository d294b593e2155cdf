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
import { dropExactly, dropIfThere } from "./drop.ts";

/** A claimed database and its owner. */
export interface ClaimedDatabase {
  readonly client: MongoClient;
  readonly claim: Claim;
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
}

type Found = Pick<CollectionEntry, "name" | "type" | "uuid">;

const viewsName = "system.views";

/** All entries of a database with the server's own, each with the UUID of the collection that holds its data. */
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
  // The buckets of a time series are dropped with it.
  const series = all.flatMap((found) => (found.type === "timeseries" ? dataCollection(found) : []));
  return all.filter(({ name }) => !series.includes(name));
}

/**
 * Drops the entry that was seen by its UUID: another of its name stays. The server takes no UUID for a time series,
 * nor for a view, which holds no data.
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
 * Drops the collection in which the server keeps views. It is empty by then. Not even the role root has a right to
 * it: without the right it stays, and holds nothing.
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
 * Empties a claimed database, and never drops it. The collections are listed before the claim is held, so this
 * owner's time created all of them: those of a later owner have other UUIDs.
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
    // The server keeps views in it, so it is dropped only after the last view.
    if (found.every(isLast) && !(await dropViewsRecord(database, found))) return;
  }
  throw new LockstepError(
    "conflict",
    `expected "${claim.name}" to stay empty, but another process creates collections there: stop it, since this database belongs to Lockstep`,
    { databaseName: claim.name },
  );
}

/**
 * True for a collection that the owner of a claim has created. One that the claim does not yet note as created counts
 * only where it is empty. Pure.
 */
function isCreated(
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

/**
 * True for a collection that the owner of a claim has created. Whether it is empty is looked up only where that
 * decides.
 */
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

/** True where a database holds more than the remains of its claim. It stays then when they are dropped. */
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
 * @throws LockstepError `conflict` where another process has the claim
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

/**
 * Creates a plain collection in a transaction that changes the claim, so that an owner without the claim creates
 * nothing.
 */
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
 * Creates a new collection, and notes it in the claim.
 * @returns its UUID, read before the claim was proven to be ours: a later owner's collection has another one
 * @throws LockstepError `conflict`, `restore-failed` where the name is taken
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
      // The server allows neither a view nor a time series in a transaction, so the note comes first.
      await claim.hold({ $push: { created: { name, type, uuid: null } } });
      await faultPoints.write("load-create", () =>
        client.db(claim.name).command({ ...command, writeConcern: { w: "majority" } }),
      );
    }
  } catch (error) {
    if (!hasCode(error, serverErrors.namespaceExists)) throw error;
    // Where the answer of a commit is lost, the second attempt finds its own collection.
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
