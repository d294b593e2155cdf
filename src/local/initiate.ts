import { counted } from "../counted.ts";
import { LockstepError } from "../errors.ts";
import { withClient } from "./ask.ts";
import type { Member } from "./mongod-process.ts";

/** The name of each replica set that Lockstep starts on this machine. */
export const setName = "lockstep";

/** The part of a set's configuration that matters here. */
interface SetConfiguration {
  readonly _id: string;
  readonly version: number;
  readonly members: readonly { readonly _id: number; readonly host: string }[];
}

function otherSet(directory: string, found: string): LockstepError {
  return new LockstepError(
    "bad-argument",
    `expected data of ${found} in ${directory}: name another folder`,
    { directory },
  );
}

/**
 * Makes a set of these members, or takes it up again where their data holds it. A set that listened elsewhere before gets its
 * new hosts: `force` is needed, since no member finds itself in the old ones.
 * @param directory the folder of the data, for messages
 * @throws LockstepError `bad-argument` for the data of another set
 */
export async function initiateSet(
  first: Member,
  hosts: readonly string[],
  options: { directory: string; electionTimeoutMs: number; arbiter: boolean; mayHaveData: boolean },
): Promise<void> {
  const { directory, electionTimeoutMs, arbiter, mayHaveData } = options;
  await withClient(first.directUrl, async (client) => {
    const admin = client.db("admin");
    const kept = mayHaveData
      ? await client.db("local").collection<SetConfiguration>("system.replset").findOne()
      : null;
    if (kept === null) {
      const members = hosts.map((host, index) => {
        return { _id: index, host, arbiterOnly: arbiter && index === hosts.length - 1 };
      });
      const settings = { electionTimeoutMillis: electionTimeoutMs };
      await admin.command({ replSetInitiate: { _id: setName, settings, members } });
      return;
    }
    if (kept._id !== setName)
      throw otherSet(directory, `the set "${setName}", found the set "${kept._id}"`);
    const { members, version } = kept;
    if (members.length !== hosts.length) {
      throw otherSet(
        directory,
        `a set of ${counted(hosts.length, "member")}, found one of ${members.length}`,
      );
    }
    if (members.every(({ host }, index) => host === hosts[index])) return;
    const moved = members.map((member, index) => ({ ...member, host: hosts[index] }));
    const configuration = { ...kept, version: version + 1, members: moved };
    await admin.command({ replSetReconfig: configuration, force: true });
  });
}
