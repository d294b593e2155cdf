import type { Document, MongoClient } from "mongodb";
import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { hasCode, serverErrors } from "./server-errors.ts";

/** A server's answer to `hello`, and two facts whose reading needs rights. */
export interface ServerFacts {
  readonly hello: Readonly<Document>;
  /** The id of the set since its initiation, or null where this user may not read it. */
  readonly setId: string | null;
  /** The name of the member's state, or null where this user may not read it. */
  readonly stateName: string | null;
}

/** Why a member should not give a copy. */
export interface MemberTrouble {
  readonly words: string;
  /** True for trouble that ends only with another `memberUrl` or another configuration of the set. */
  readonly isLasting: boolean;
}

const lasting = (words: string): MemberTrouble => ({ words, isLasting: true });
const passing = (words: string): MemberTrouble => ({ words, isLasting: false });

function lastWriteMs({ hello }: ServerFacts): number {
  return Number((hello["lastWrite"] as Document | undefined)?.["lastWriteDate"] ?? Number.NaN);
}

/** Trouble with the member's place in its set, or null. */
function misplacement({ hello, setId }: ServerFacts, set: ServerFacts): MemberTrouble | null {
  if (hello["msg"] === "isdbgrid") return lasting("a mongos, and no member of a set");
  const [name, expected] = [hello["setName"], set.hello["setName"]];
  if (name === undefined) {
    // A member that was removed, or is not added yet, may join again.
    return hello["isreplicaset"] === true
      ? passing("not a member of any set at present")
      : lasting("a standalone mongod");
  }
  const isOther = setId !== null && set.setId !== null && setId !== set.setId;
  if (name !== expected || isOther) {
    return lasting(`a member of another set ("${name}") than the database's ("${expected}")`);
  }
  if (hello["arbiterOnly"] === true) return lasting("an arbiter, which holds no data");
  const delaySeconds = Number(hello["secondaryDelaySecs"] ?? hello["slaveDelay"] ?? 0);
  return delaySeconds > 0
    ? lasting(`delayed by ${delaySeconds} s, so it lacks the present data`)
    : null;
}

/**
 * Why a state server should not read its copy from this member, or null. A hidden member is fine: it holds the same
 * data and serves no other reader. Pure.
 */
export function memberTrouble(member: ServerFacts, set: ServerFacts): MemberTrouble | null {
  const misplaced = misplacement(member, set);
  if (misplaced !== null) return misplaced;
  const { hello, stateName } = member;
  if (hello["isWritablePrimary"] !== true && hello["secondary"] !== true) {
    return passing(
      `${stateName ?? "neither primary nor secondary"}, so nothing can be read from it`,
    );
  }
  const lagMs = lastWriteMs(set) - lastWriteMs(member);
  return lagMs > limits.memberLagMsMax
    ? passing(`${Math.round(lagMs / 1_000)} s behind the primary`)
    : null;
}

async function readFacts(client: MongoClient): Promise<ServerFacts> {
  const admin = client.db("admin");
  const options = { timeoutMS: limits.memberTimeoutMs };
  const hello = await admin.command({ hello: 1 }, options);
  /** Returns null where the server has no such fact, or this user may not read it. */
  const optional = (command: Document) => admin.command(command, options).catch(forgiving);
  const configured = await optional({ replSetGetConfig: 1 });
  const status = await optional({ replSetGetStatus: 1 });
  const self = (status?.["members"] as Document[] | undefined)?.find(({ self }) => self === true);
  const setId = configured?.["config"]?.settings?.replicaSetId;
  return {
    hello,
    setId: setId === undefined ? null : String(setId),
    stateName: self === undefined ? null : String(self["stateStr"]),
  };
}

function forgiving(error: unknown): null {
  const { unauthorized, notYetInitialized, noReplication, invalidReplicaSetConfig } = serverErrors;
  const codes = [unauthorized, notYetInitialized, noReplication, invalidReplicaSetConfig];
  if (hasCode(error, ...codes, serverErrors.commandNotFound)) return null;
  throw error;
}

/** Asks an agent's own member, and the set, whether a copy may be read from the member. */
export async function readMemberTrouble({
  memberClient,
  client,
}: {
  memberClient: MongoClient;
  client: MongoClient;
}): Promise<MemberTrouble | null> {
  // An agent without a member of its own reads from the set.
  if (memberClient === client) return null;
  const set = await readFacts(client);
  try {
    return memberTrouble(await readFacts(memberClient), set);
  } catch (error) {
    return passing(`not answering (${messageOf(error)})`);
  }
}
