import type { MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { listCollections } from "./catalogue.ts";
import {
  missingRights,
  neededRights,
  type Privilege,
  type RightsScope,
  rightsText,
  type Work,
} from "./needed-rights.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

/**
 * The rights of a client's user. Nothing is tried to find them out.
 * @returns null where nobody has logged in: authentication is off, or the server refuses each command by itself
 */
export async function readPrivileges(client: MongoClient): Promise<readonly Privilege[] | null> {
  const { authInfo } = await client
    .db("admin")
    .command({ connectionStatus: 1, showPrivileges: true });
  if ((authInfo.authenticatedUsers ?? []).length === 0) return null;
  return (authInfo.authenticatedUserPrivileges ?? []) as readonly Privilege[];
}

async function readTimeSeries(
  client: MongoClient,
  databaseName: string,
): Promise<readonly string[]> {
  const found = await listCollections(client, databaseName, { type: "timeseries" }).catch(
    (error: unknown) => {
      // The right to list collections is among those that are missing then.
      if (hasCode(error, serverErrors.unauthorized)) return [];
      throw error;
    },
  );
  return found.map(({ name }) => name);
}

/** The rights that a client's user lacks, in words; empty where nothing is missing. */
export interface Lacking {
  readonly missing: string;
  /** Rights without which the work goes on, less well. */
  readonly optional: string;
}

/**
 * Looks for the rights that a piece of work needs on its whole way.
 * @param scope.timeSeries default: those of the database
 */
export async function readLacking(
  client: MongoClient,
  work: Work,
  scope: Omit<RightsScope, "timeSeries"> & Partial<Pick<RightsScope, "timeSeries">>,
): Promise<Lacking> {
  const privileges = await readPrivileges(client);
  if (privileges === null) return { missing: "", optional: "" };
  const timeSeries = scope.timeSeries ?? (await readTimeSeries(client, scope.databaseName));
  const { databaseName, controlDatabaseName } = scope;
  const needed = neededRights(work, { databaseName, controlDatabaseName, timeSeries });
  const missing = missingRights(needed, privileges);
  return {
    missing: rightsText(missing.filter(({ isOptional }) => !isOptional)),
    optional: rightsText(missing.filter(({ isOptional }) => isOptional)),
  };
}

/**
 * Refuses a piece of work by hand whose user lacks a right that is needed anywhere on its way.
 * @throws LockstepError `rights-missing`
 */
export async function requireRights(...asked: Parameters<typeof readLacking>): Promise<void> {
  const { missing } = await readLacking(...asked);
  if (missing === "") return;
  throw new LockstepError(
    "rights-missing",
    `expected the user of the URL to have every right that this needs, it lacks ${missing}: grant them, then try again; nothing was touched`,
    { missing },
  );
}
