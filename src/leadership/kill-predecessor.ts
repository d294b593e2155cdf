import { type MongoClient, ReadConcern } from "mongodb";
import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";

/**
 * Ends the sessions of an earlier process. An open transaction of a dead client would lock its writes, as the fence
 * or its agent's record, for over a minute.
 * @param options.appName a name, or a condition on names
 */
export async function killPredecessor(options: {
  client: MongoClient;
  appName: string | { readonly $regex: string };
  log: Log;
}): Promise<number> {
  const { client, appName, log } = options;
  if (appName === "") return 0;
  try {
    const operations = await client
      .db("admin", { readConcern: new ReadConcern("local") })
      .aggregate<{ lsid?: { id: unknown; uid?: unknown } }>([
        { $currentOp: { allUsers: true, idleSessions: true, idleConnections: false } },
        { $match: { appName, lsid: { $exists: true } } },
        { $limit: limits.leaseSessionsMax },
      ])
      .toArray();
    const sessions = operations.flatMap(({ lsid }) => (lsid ? [{ id: lsid.id }] : []));
    if (sessions.length > 0) await client.db("admin").command({ killSessions: sessions });
    return sessions.length;
  } catch (error) {
    log.warn({ error: messageOf(error) }, "the predecessor's sessions could not be ended");
    return 0;
  }
}
