import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";
import { requireApplicationDatabaseName } from "./database-names.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

const versionMin = 6;

/** A URL that names the database in another case would be about one that is not there. */
async function requireExactName(client: MongoClient, databaseName: string): Promise<void> {
  const { databases } = await client
    .db("admin")
    .command({ listDatabases: 1, nameOnly: true, authorizedDatabases: true });
  const names = (databases as readonly { name: string }[]).map(({ name }) => name);
  const other = names.find((name) => name.toLowerCase() === databaseName.toLowerCase());
  if (other === undefined || other === databaseName) return;
  throw new LockstepError(
    "bad-argument",
    `the URL names the database "${databaseName}", the server has "${other}", which differs in case only: name that one`,
  );
}

/**
 * Refuses a deployment that cannot keep the promises: a standalone or a mongos has no transactions
 * or snapshots of the kind needed, an old server lacks preconditions.
 * @throws LockstepError `not-a-replica-set`, `database-not-supported`, `bad-argument`
 */
export async function checkDeployment(client: MongoClient, databaseName: string): Promise<void> {
  const admin = client.db("admin");
  const hello = await admin.command({ hello: 1 });
  if (hello["msg"] === "isdbgrid") {
    throw new LockstepError(
      "not-a-replica-set",
      "expected a replica set, got a mongos: sharded clusters are not supported; connect to a replica set",
    );
  }
  if (typeof hello["setName"] !== "string") {
    throw new LockstepError(
      "not-a-replica-set",
      "expected a replica set, got a standalone mongod: start it with --replSet and initiate the set",
    );
  }
  const { version } = await admin.command({ buildInfo: 1 });
  if (Number(String(version).split(".")[0]) < versionMin) {
    throw new LockstepError(
      "database-not-supported",
      `expected MongoDB ${versionMin}.0 or newer, got ${String(version)}`,
    );
  }
  requireApplicationDatabaseName(databaseName);
  await requireExactName(client, databaseName);
}

interface MemberHealth {
  readonly name: string;
  readonly health: number;
}

/**
 * Refuses to begin while a majority write could not be acknowledged: fewer voting members that hold
 * data are healthy than it needs. (An arbiter keeps a primary up that cannot commit anything.)
 * @throws LockstepError `no-majority`, `rights-missing`
 */
export async function checkMajority(client: MongoClient): Promise<void> {
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
        "expected the user of the URL to be allowed to ask for the members' health, it lacks replSetGetStatus or replSetGetConfig on the cluster: grant both (the role clusterMonitor has them), then try again; nothing was touched",
      );
    }
    throw new LockstepError(
      "no-majority",
      `expected the set to tell its members' health, got: ${messageOf(error)}: try again when it does`,
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
}
