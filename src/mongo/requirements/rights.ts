import type { MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { listCollections, viewsCollection } from "../catalogue/catalogue.ts";
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
 * True where the server restricts nobody, although somebody may have logged in. Only the server's command line shows
 * that, and reading it needs a right where rights count. So it is read only when a right seems to be missing.
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

/** The rights of a client's user, or none without a login. It only reads. */
export async function readPrivileges(client: MongoClient): Promise<readonly Privilege[]> {
  const { authInfo } = await client
    .db("admin")
    .command({ connectionStatus: 1, showPrivileges: true });
  return (authInfo.authenticatedUserPrivileges ?? []) as readonly Privilege[];
}

/** The contents of a database that need rights of their own. */
export type SpecialContents = Pick<RightsScope, "timeSeries" | "hasViews">;

/** Finds a database's time series and views, or none where this user may not list them. */
export async function readSpecialContents(
  client: MongoClient,
  databaseName: string,
): Promise<SpecialContents> {
  const filter = { $or: [{ type: "timeseries" }, { name: viewsCollection }] };
  const found = await listCollections(client, databaseName, filter).catch((error: unknown) => {
    // The missing rights will contain the right to list collections.
    if (hasCode(error, serverErrors.unauthorized)) return [];
    throw error;
  });
  const timeSeries = found.filter(({ type }) => type === "timeseries").map(({ name }) => name);
  return { timeSeries, hasViews: found.some(({ name }) => name === viewsCollection) };
}

/** The rights that a client's user lacks, in words. They are empty where nothing is missing. */
export interface Lacking {
  readonly missing: string;
  /** Rights without which the work goes on, less well. */
  readonly optional: string;
}

/**
 * Finds the missing rights for a whole piece of work.
 * @param scope.timeSeries and scope.hasViews: default: those of the database
 */
export async function readLacking(
  client: MongoClient,
  work: Work,
  scope: Omit<RightsScope, keyof SpecialContents> & Partial<SpecialContents>,
): Promise<Lacking> {
  const privileges = await readPrivileges(client);
  const found = await readSpecialContents(client, scope.databaseName);
  const needed = neededRights(work, { ...found, ...scope });
  const missing = missingRights(needed, privileges);
  if (missing.length > 0 && (await isOpenToAll(client))) return { missing: "", optional: "" };
  return {
    missing: rightsText(missing.filter(({ isOptional }) => !isOptional)),
    optional: rightsText(missing.filter(({ isOptional }) => isOptional)),
  };
}

/**
 * Refuses a piece of work by hand whose user lacks a right for any part of it.
 * @returns what the operator should know of rights without which it goes on, or null
 * @throws LockstepError `rights-missing`
 */
export async function requireRights(
  ...asked: Parameters<typeof readLacking>
): Promise<string | null> {
  const { missing, optional } = await readLacking(...asked);
  if (missing === "") {
    return optional === "" ? null : `this goes on without these rights, less well: ${optional}`;
  }
  throw new LockstepError(
    "rights-missing",
    `expected the user of the URL to have every right that this needs, but it lacks ${missing}: grant them, then try again; nothing was touched`,
    { missing },
  );
}
