import { MongoClient } from "mongodb";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { redactUrl } from "../log.ts";
import { memberUrl, type WithMember } from "./members.ts";

/**
 * Connects with the concerns that everything here relies on.
 * @throws LockstepError `database-unreachable`, `bad-argument`; without credentials in its message
 */
export async function connect(
  url: string,
  appName: string,
  serverSelectionTimeoutMs: number = limits.serverSelectionTimeoutMs,
): Promise<MongoClient> {
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
    await client.connect();
    return client;
  } catch (error) {
    await client?.close().catch(() => {});
    throw new LockstepError(
      client ? "database-unreachable" : "bad-argument",
      `expected a MongoDB replica set to answer, got: ${redactUrl(messageOf(error))}: check the URL, TLS and the network`,
    );
  }
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
