import type { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";

const versionMin = 6;

/**
 * Refuses a deployment that cannot keep the promises: a standalone or a mongos has no transactions
 * or snapshots of the kind needed, an old server lacks preconditions.
 * @throws LockstepError `not-a-replica-set`, `no-majority`, `database-not-supported`
 */
export async function checkDeployment(client: MongoClient): Promise<void> {
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
}

/**
 * Refuses to begin while a majority of the voting members is not healthy.
 * @throws LockstepError `no-majority`
 */
export async function checkMajority(client: MongoClient): Promise<void> {
  let members: readonly { health: number; state: number; name: string }[];
  try {
    const status = await client.db("admin").command({ replSetGetStatus: 1 });
    members = status["members"] as typeof members;
  } catch (error) {
    throw new LockstepError(
      "no-majority",
      `expected the set to tell its members' health, got: ${messageOf(error)}`,
    );
  }
  const healthy = members.filter(({ health, state }) => health === 1 && [1, 2].includes(state));
  if (healthy.length <= members.length / 2) {
    throw new LockstepError(
      "no-majority",
      `expected a majority of ${members.length} members, ${healthy.length} are healthy: start the others`,
      { healthy: healthy.map(({ name }) => name) },
    );
  }
}
