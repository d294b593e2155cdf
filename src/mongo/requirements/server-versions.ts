import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { storageMembers, type WithMember } from "../members.ts";
import { hasCode, serverErrors } from "../server-errors.ts";

/** The versions of a set. */
export interface ServerVersions {
  /** The set's featureCompatibilityVersion. */
  readonly feature: string;
  /** The target of a change of version, or null while none is under way. */
  readonly target: string | null;
  readonly members: readonly { readonly host: string; readonly version: string }[];
}

const seriesOf = (version: string): string => version.split(".").slice(0, 2).join(".");

function refuse(message: string, found: ServerVersions): LockstepError {
  return new LockstepError("database-not-supported", `${message}; nothing was touched`, {
    ...found,
  });
}

/**
 * Refuses a set that is below 6.0 or between two versions. Members of different versions describe the same data
 * differently, so a copy of one could not be restored after an election. Pure.
 * @throws LockstepError `database-not-supported`
 */
export function requireOneVersion(found: ServerVersions): void {
  const { feature, target, members } = found;
  const command = (version: string) => `setFeatureCompatibilityVersion: "${version}"`;
  if (target !== null) {
    throw refuse(
      `expected a settled featureCompatibilityVersion, found it on the way from ${feature} to ${target}: run { ${command(target)} } on the primary until it succeeds, then try again`,
      found,
    );
  }
  if (new Set(members.map(({ version }) => seriesOf(version))).size > 1) {
    const words = members.map(({ host, version }) => `${host} (${version})`).join(", ");
    throw refuse(
      `expected every member to run the same release of MongoDB, found ${words}: end the server's own upgrade first`,
      found,
    );
  }
  if (Number(feature.split(".")[0]) >= limits.serverMajorMin) return;
  const series = seriesOf(members[0]?.version ?? `${limits.serverMajorMin}.0`);
  throw refuse(
    `expected featureCompatibilityVersion ${limits.serverMajorMin}.0 or newer, found ${feature} on MongoDB ${series}: run { ${command(series)} } on the primary, then try again`,
    found,
  );
}

async function readFeature(
  client: MongoClient,
): Promise<Pick<ServerVersions, "feature" | "target">> {
  const parameter = "featureCompatibilityVersion";
  const answer = await client
    .db("admin")
    .command({ getParameter: 1, [parameter]: 1 })
    .catch((error: unknown) => {
      if (!hasCode(error, serverErrors.unauthorized)) throw error;
      throw new LockstepError(
        "rights-missing",
        `expected the user of the URL to be allowed to read the set's ${parameter}, but it lacks getParameter on the cluster: grant that (the role clusterMonitor has it), then try again; nothing was touched`,
        { missing: "getParameter on the cluster" },
      );
    });
  const { version, targetVersion, previousVersion } = answer[parameter] as Record<string, unknown>;
  return {
    // On the way down the server calls the target its version already.
    feature: String(previousVersion ?? version),
    target: targetVersion === undefined ? null : String(targetVersion),
  };
}

/**
 * Asks the set and each member that can be reached for their versions.
 * @returns those that were found
 * @throws LockstepError `database-not-supported`; `rights-missing`
 */
export async function checkServerVersions(options: {
  client: MongoClient;
  withMember: WithMember;
  log: Log;
}): Promise<ServerVersions> {
  const { client, withMember, log } = options;
  const hosts = await storageMembers(client);
  const ask = async (host: string) => {
    try {
      const answer = await withMember(host, (member) =>
        member.db("admin").command({ buildInfo: 1 }),
      );
      return [{ host, version: String(answer["version"]) }];
    } catch (error) {
      log.warn({ host, error: messageOf(error) }, "this member's version is not known");
      return [];
    }
  };
  const [feature, ...members] = await Promise.all([readFeature(client), ...hosts.map(ask)]);
  const found = { ...feature, members: members.flat() };
  requireOneVersion(found);
  return found;
}
