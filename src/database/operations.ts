import { type MongoClient, ReadConcern } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";

interface Operation {
  readonly lsid?: { readonly id: unknown };
  readonly appName?: string;
  readonly ns?: string;
}

/** Operations and open transactions on the application's database. */
async function operationsOn(client: MongoClient, databaseName: string): Promise<Operation[]> {
  const found = await client
    .db("admin", { readConcern: new ReadConcern("local") })
    .aggregate<Operation & { transaction?: object; op?: string }>([
      { $currentOp: { allUsers: true, idleSessions: true, idleConnections: false } },
      {
        $match: {
          $or: [
            {
              ns: { $regex: `^${databaseName.replace(/[^\w]/g, "\\$&")}\\.` },
              op: { $ne: "none" },
            },
            { transaction: { $exists: true }, active: false, ns: "" },
          ],
        },
      },
    ])
    .toArray();
  return found.filter(({ ns, lsid }) => lsid !== undefined && ns !== "");
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
