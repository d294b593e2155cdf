import { type MongoClient, ReadConcern } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";

interface Operation {
  readonly lsid?: { readonly id: unknown };
  readonly appName?: string;
}

/**
 * Operations on the application's database. (An open transaction that is idle does not say of which
 * database it is; what it commits later is found as a foreign write.)
 */
async function operationsOn(client: MongoClient, databaseName: string): Promise<Operation[]> {
  return client
    .db("admin", { readConcern: new ReadConcern("local") })
    .aggregate<Operation>([
      { $currentOp: { allUsers: true, idleSessions: true, idleConnections: false } },
      {
        $match: {
          ns: { $regex: `^${databaseName.replace(/[^\w]/g, "\\$&")}\\.` },
          op: { $ne: "none" },
          lsid: { $exists: true },
        },
      },
    ])
    .toArray();
}

/**
 * Ends what began on the application's database before all gates were shut, and waits until it is
 * gone: from here on nothing but the upgrade writes (S2).
 * @throws LockstepError `timeout`
 */
export async function endEarlierOperations(options: {
  client: MongoClient;
  databaseName: string;
  clock: Clock;
  log: Log;
}): Promise<void> {
  const { client, databaseName, clock, log } = options;
  for (let look = 0; look < limits.operationLooksMax; look += 1) {
    const found = await operationsOn(client, databaseName);
    if (found.length === 0) return;
    log.warn({ appNames: found.map(({ appName }) => appName) }, "ending earlier operations");
    const sessions = found.map(({ lsid }) => ({ id: lsid?.id }));
    await client.db("admin").command({ killSessions: sessions });
    await clock.sleep(limits.leaseAcquirePollMs);
  }
  throw new LockstepError(
    "timeout",
    "expected nobody to use the database while all gates are shut: stop the clients outside the fleet",
  );
}
