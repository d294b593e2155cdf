import type { MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { listCollections } from "../catalogue/catalogue.ts";
import { hasCode, serverErrors } from "../server-errors.ts";
import {
  missingRights,
  neededRights,
  type Privilege,
  type RightsScope,
  rightsText,
  type Work,
} from "./needed-rights.ts";

/**
 * True where the server keeps nobody from anything, although somebody may have logged in. Only the server's command
 * line says so, and where rights count it takes one to read that: so it is asked only when a right is missing.
 */
export async function isOpenToAll(client: MongoClient): Promise<boolean> {
  try {
    const { parsed } = await client.db("admin").command({ getCmdLineOpts: 1 });
    const { authorization, keyFile, clusterAuthMode, transitionToAuth } = parsed.security ?? {};
    const isOn =
      authorization === "enabled" || keyFile !== undefined || clusterAuthMode !== undefined;
    return !isOn || transitionToAuth === true;
  } catch (error) {
    if (hasCode(error, serverErrors.unauthorized)) return false;
    throw error;
  }
}

/** The rights of a client's user, none where nobody has logged in. Nothing is tried to find them out. */
export async function readPrivileges(client: MongoClient): Promise<readonly Privilege[]> {
  const { authInfo } = await client
    .db("admin")
    .command({ connectionStatus: 1, showPrivileges: true });
  return (authInfo.authenticatedUserPrivileges ?? []) as readonly Privilege[];
}

/** The names of a database's time series, none where this user may not list them. */
export async function readTimeSeries(
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
  const timeSeries = scope.timeSeries ?? (await readTimeSeries(client, scope.databaseName));
  const { databaseName, controlDatabaseName } = scope;
  const needed = neededRights(work, { databaseName, controlDatabaseName, timeSeries });
  const missing = missingRights(needed, privileges);
  const required = missing.filter(({ isOptional }) => !isOptional);
  if (required.length > 0 && (await isOpenToAll(client))) return { missing: "", optional: "" };
  return {
    missing: rightsText(required),
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
