import type { MongoClient } from "mongodb";
import { LockstepError } from "../../../../errors.ts";
import {
  missingRights,
  type NeededRight,
  rightsText,
} from "../../../../mongo/requirements/needed-rights.ts";
import { isOpenToAll, readPrivileges } from "../../../../mongo/requirements/rights.ts";
import { engineCollections } from "../records.ts";

/** All rights that an engine needs on a database. Pure. */
function engineRights(db: string): readonly NeededRight[] {
  const keeping: NeededRight[] = Object.values(engineCollections).map((collection) => ({
    resource: { db, collection },
    actions: ["find", "insert", "update", "remove", "createIndex"],
    ...{ purpose: "to keep the actors and their journal", isOptional: false },
  }));
  const following: NeededRight = {
    resource: { db, collection: engineCollections.journal },
    ...{ actions: ["changeStream"], purpose: "to follow the journal", isOptional: false },
  };
  return [...keeping, following];
}

/**
 * Refuses a user that lacks a right, before anything is written.
 * @throws LockstepError `rights-missing` with all that it lacks
 */
export async function requireEngineRights(
  client: MongoClient,
  databaseName: string,
): Promise<void> {
  const missing = missingRights(engineRights(databaseName), await readPrivileges(client));
  if (missing.length === 0 || (await isOpenToAll(client))) return;
  const words = rightsText(missing);
  throw new LockstepError(
    "rights-missing",
    `expected the client's user to have every right that an engine needs, found that it lacks ${words}: grant them, then start again; nothing was touched`,
    { missing: words },
  );
}
