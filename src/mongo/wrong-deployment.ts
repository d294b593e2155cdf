import type { MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";

/** The fields of a server's `hello` that tell what kind of server it is. */
export interface Hello {
  readonly msg?: string;
  readonly setName?: string;
  /** True for a member that has no configuration yet: it has just started, or nobody has initiated the set. */
  readonly isreplicaset?: boolean;
}

/**
 * Why a server is no member of the set that a URL names, or null where it is one. Pure.
 * @param wanted the `replicaSet` of the URL, or null where it names none
 * @param address the server's, for the message
 */
export function wrongDeployment(
  { msg, setName }: Hello,
  wanted: string | null,
  address: string,
): LockstepError | null {
  if (msg === "isdbgrid") {
    return new LockstepError(
      "not-a-replica-set",
      "expected a replica set, got a mongos: sharded clusters are not supported; connect to a replica set",
    );
  }
  if (typeof setName !== "string") {
    return new LockstepError(
      "not-a-replica-set",
      "expected a replica set, got a standalone mongod: start it with --replSet and initiate the set",
    );
  }
  if (wanted === null || setName === wanted) return null;
  return new LockstepError(
    "bad-argument",
    `expected the replica set "${wanted}", which the URL names, but ${address} is a member of "${setName}": put replicaSet=${setName} into the URL, or correct its hosts`,
    { expected: wanted, found: setName },
  );
}

/**
 * Rejects once each server of the URL was heard or has failed, and none of them is a member of the set that the URL
 * names. The driver itself drops such servers, and then waits for others that nobody has named.
 */
export function refuseWrongDeployment(client: MongoClient): Promise<never> {
  const wanted = client.options.replicaSet ?? null;
  const unheard = new Set<string>();
  let wrong: LockstepError | null = null;
  let isRight = false;
  return new Promise<never>((_, reject) => {
    const heard = (address: string) => {
      unheard.delete(address);
      if (unheard.size === 0 && wrong !== null && !isRight) reject(wrong);
    };
    client.on("serverOpening", ({ address }) => unheard.add(address));
    client.on("serverHeartbeatSucceeded", ({ connectionId, reply }) => {
      if ((reply as Hello).isreplicaset === true) return;
      const found = wrongDeployment(reply as Hello, wanted, connectionId);
      if (found === null) isRight = true;
      else wrong ??= found;
      heard(connectionId);
    });
    client.on("serverHeartbeatFailed", ({ connectionId }) => heard(connectionId));
  });
}
