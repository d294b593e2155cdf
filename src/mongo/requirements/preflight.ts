import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { isReservedName, requireApplicationDatabaseName } from "../database-names.ts";
import { hasCode, serverErrors } from "../server-errors.ts";
import { wrongDeployment } from "../wrong-deployment.ts";

const versionMin = 6;

/** The names of the databases that the user of the client may see. */
export async function visibleDatabases(client: MongoClient): Promise<readonly string[]> {
  const { databases } = await client
    .db("admin")
    .command({ listDatabases: 1, nameOnly: true, authorizedDatabases: true });
  return (databases as readonly { name: string }[]).map(({ name }) => name);
}

/** Refuses a URL that names the database in another case, which would mean a database that does not exist. */
async function requireExactName(client: MongoClient, databaseName: string): Promise<void> {
  const names = await visibleDatabases(client);
  const other = names.find((name) => name.toLowerCase() === databaseName.toLowerCase());
  if (other === undefined || other === databaseName) return;
  throw new LockstepError(
    "bad-argument",
    `expected the name of a database as the server has it, found "${databaseName}" beside "${other}", which differs in case only: name that one`,
  );
}

/**
 * Refuses a database that is not there: a fleet would be declared for a misspelt name.
 * @throws LockstepError `bad-argument` with up to ten databases that are there
 */
export async function requireExistingDatabase(
  client: MongoClient,
  databaseName: string,
): Promise<void> {
  const names = await visibleDatabases(client);
  if (names.includes(databaseName)) return;
  const others = names.filter((name) => !isReservedName(name)).slice(0, limits.namesShownMax);
  const found = others.length === 0 ? "no application's database" : others.join(", ");
  throw new LockstepError(
    "bad-argument",
    `expected the database "${databaseName}", which the URL names, found ${found}: correct the path of the URL; for an application that has no data yet, run \`lockstep init\` with --new-database`,
    { databaseName, found: others },
  );
}

/**
 * Refuses members whose storage engine has no journal and no snapshots, as the one that mongodb-memory-server takes by
 * default for MongoDB 6. It passes where the user lacks the right to read.
 */
async function requireMajorityReads(client: MongoClient, databaseName: string): Promise<void> {
  const readConcern = { level: "majority" } as const;
  try {
    await client.db(databaseName).collection("lockstep_journal").findOne({}, { readConcern });
  } catch (error) {
    if (hasCode(error, serverErrors.unauthorized)) return;
    if (!hasCode(error, serverErrors.majorityReadsOff)) throw error;
    throw new LockstepError(
      "database-not-supported",
      `expected members that keep a journal and snapshots, got: ${messageOf(error)} Start them with the storage engine wiredTiger; for mongodb-memory-server that is \`replSet: { storageEngine: "wiredTiger" }\``,
    );
  }
}

/**
 * Refuses a deployment that cannot keep the promises. A standalone or a mongos lacks the necessary transactions and
 * snapshots, and an old server lacks preconditions.
 * @throws LockstepError `not-a-replica-set`, `database-not-supported`, `bad-argument`
 */
export async function checkDeployment(client: MongoClient, databaseName: string): Promise<void> {
  const admin = client.db("admin");
  const hello = await admin.command({ hello: 1 });
  const wrong = wrongDeployment(hello, null, "");
  if (wrong !== null) throw wrong;
  const { version } = await admin.command({ buildInfo: 1 });
  if (Number(String(version).split(".")[0]) < versionMin) {
    throw new LockstepError(
      "database-not-supported",
      `expected MongoDB ${versionMin}.0 or newer, got ${String(version)}: upgrade the server first`,
    );
  }
  requireApplicationDatabaseName(databaseName);
  await requireExactName(client, databaseName);
  await requireMajorityReads(client, databaseName);
}

/**
 * The same for a process that lives on through elections. A client that stays with one of several members would not find
 * the next primary.
 * @throws LockstepError `not-a-replica-set`, `database-not-supported`, `bad-argument`
 */
export async function checkLastingDeployment(
  client: MongoClient,
  databaseName: string,
): Promise<void> {
  await checkDeployment(client, databaseName);
  if (!client.options.directConnection) return;
  const { hosts = [] } = await client.db("admin").command({ hello: 1 });
  if (hosts.length < 2) return;
  throw new LockstepError(
    "bad-argument",
    `expected a client that follows the primary of ${hosts.join(", ")}, found one that stays with one member (\`directConnection\`): leave that out, and name the set (replicaSet=NAME)`,
    { hosts },
  );
}

interface MemberHealth {
  readonly name: string;
  readonly health: number;
}

/**
 * Refuses to begin while a majority write could not be acknowledged, since too few voting members with data are
 * healthy. (An arbiter keeps a primary up that cannot commit anything.)
 * @returns the healthy ones and those that are needed
 * @throws LockstepError `no-majority`, `rights-missing`
 */
export async function checkMajority(
  client: MongoClient,
): Promise<{ readonly healthy: number; readonly needed: number }> {
  const admin = client.db("admin");
  let members: readonly MemberHealth[];
  let needed: number;
  let holders: readonly string[];
  try {
    const status = await admin.command({ replSetGetStatus: 1 });
    members = status["members"] as readonly MemberHealth[];
    needed = Number(status["writeMajorityCount"]);
    const { config } = await admin.command({ replSetGetConfig: 1 });
    const configured = config.members as readonly {
      host: string;
      votes: number;
      arbiterOnly: boolean;
    }[];
    holders = configured
      .filter(({ votes, arbiterOnly }) => votes > 0 && !arbiterOnly)
      .map(({ host }) => host);
  } catch (error) {
    if (hasCode(error, serverErrors.unauthorized)) {
      throw new LockstepError(
        "rights-missing",
        "expected the user of the URL to be allowed to ask for the members' health, but it lacks replSetGetStatus or replSetGetConfig on the cluster: grant both (the role clusterMonitor has them), then try again; nothing was touched",
      );
    }
    throw new LockstepError(
      "no-majority",
      `expected the set to report its members' health, got: ${messageOf(error)}: try again when it does`,
    );
  }
  const healthy = members
    .filter(({ name, health }) => health === 1 && holders.includes(name))
    .map(({ name }) => name);
  if (healthy.length < needed) {
    throw new LockstepError(
      "no-majority",
      `expected ${needed} healthy members that hold data, got ${healthy.length} (${healthy.join(", ")}): start the others, then ask again`,
      { needed, healthy },
    );
  }
  return { healthy: healthy.length, needed };
}
