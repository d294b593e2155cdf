import { MongoClient } from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { redactUrl } from "../log.ts";
import { memberUrl, type WithMember } from "./members.ts";
import { requireKnownDriver } from "./requirements/driver.ts";
import { refuseWrongDeployment } from "./wrong-deployment.ts";

/**
 * Connects with the concerns that everything here relies on.
 * @throws LockstepError `database-unreachable`, `not-a-replica-set`, `bad-argument`; without credentials in its message;
 *   `driver-not-supported`
 */
export async function connect(
  url: string,
  appName: string,
  serverSelectionTimeoutMs: number = limits.serverSelectionTimeoutMs,
): Promise<MongoClient> {
  requireKnownDriver();
  let client: MongoClient | undefined;
  try {
    client = new MongoClient(url, {
      appName,
      retryWrites: true,
      retryReads: true,
      writeConcern: { w: "majority", journal: true },
      readConcern: { level: "majority" },
      serverSelectionTimeoutMS: serverSelectionTimeoutMs,
      heartbeatFrequencyMS: limits.serverHeartbeatMs,
      ignoreUndefined: true,
    });
    // A server of another kind is named at once, and not after the time in which the set may answer. The driver takes
    // any server that is named directly, and an agent's own member may be away from its set for a while.
    const isDirect = client.options.directConnection;
    const refused = isDirect ? [] : [refuseWrongDeployment(client)];
    await Promise.race([client.connect(), ...refused]);
    return client;
  } catch (error) {
    await client?.close().catch(() => {});
    if (isLockstepError(error)) throw error;
    throw new LockstepError(
      client ? "database-unreachable" : "bad-argument",
      `expected a MongoDB replica set to answer, got: ${redactUrl(messageOf(error))}: check the URL, TLS and the network`,
      {},
      { cause: error },
    );
  }
}

/** `host:port` of each server that a URL names. It is empty for a URL with a DNS record in place of servers. */
export function namedHosts(url: string): readonly string[] {
  const { hosts } = new MongoClient(url).options;
  return hosts.map((host) => host.toString());
}

/** Opens clients of single members of the set that the URL names, with its credentials and TLS. */
export function memberOpener(mongoUrl: string, appName: string): WithMember {
  return async (host, act) => {
    const member = await connect(memberUrl(mongoUrl, host), appName, limits.memberTimeoutMs);
    try {
      return await act(member);
    } finally {
      await member.close();
    }
  };
}
