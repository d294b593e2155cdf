import type { Document, MongoClient } from "mongodb";
import { limits } from "../../limits.ts";
import { namedHosts } from "../../mongo/connect.ts";
import { storageMembers, type WithMember } from "../../mongo/members.ts";
import { ifAllowed } from "../../mongo/server-errors.ts";
import type { Clock } from "../../ports/clock.ts";
import { whyAway } from "./finding.ts";
import type { MemberAnswer, MemberOplog, NamedServer, SetMember } from "./judge-members.ts";

interface Asking {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** The members as the set sees them. */
export async function readSetMembers(client: MongoClient): Promise<readonly SetMember[]> {
  const admin = client.db("admin");
  const status = await admin.command({ replSetGetStatus: 1 });
  const { config } = await admin.command({ replSetGetConfig: 1 });
  const members = status["members"] as readonly Document[];
  const writtenMs = (member: Document | undefined) => Number(member?.["optimeDate"] ?? Number.NaN);
  const primaryMs = writtenMs(members.find(({ stateStr }) => stateStr === "PRIMARY"));
  return members.map((member) => {
    const { name, stateStr, health } = member;
    const own = (config.members as readonly Document[]).find(({ host }) => host === name);
    const delayMs = 1_000 * Number(own?.["secondaryDelaySecs"] ?? own?.["slaveDelay"] ?? 0);
    const lagMs = primaryMs - writtenMs(member) - delayMs;
    return {
      ...{ host: String(name), state: String(stateStr), isHealthy: health === 1 },
      lagMs: Number.isNaN(lagMs) ? null : lagMs,
    };
  });
}

async function readOplog(member: MongoClient): Promise<MemberOplog | null> {
  const status = await ifAllowed(member.db("admin").command({ serverStatus: 1, oplog: 1 }));
  const { earliestOptime: first, latestOptime: last } = status?.["oplog"] ?? {};
  if (first === undefined || last === undefined) return null;
  const options = { readPreference: "secondaryPreferred" } as const;
  const stats = await ifAllowed(member.db("local").command({ collStats: "oplog.rs" }, options));
  return {
    windowMs: 1_000 * (last.getHighBits() - first.getHighBits()),
    usedFraction: stats === null ? null : Number(stats["size"]) / Number(stats["maxSize"]),
  };
}

async function askMember(
  { withMember, clock }: Asking,
  host: string,
): Promise<Omit<MemberAnswer, "host" | "error">> {
  return withMember(host, async (member) => {
    const beforeMs = clock.monotonicMs();
    const { localTime } = await member.db("admin").command({ hello: 1 });
    const afterMs = clock.monotonicMs();
    return {
      clock: {
        offsetMs: (localTime as Date).getTime() - (beforeMs + afterMs) / 2,
        withinMs: (afterMs - beforeMs) / 2,
      },
      oplog: await readOplog(member),
    };
  });
}

/** Asks each member that keeps data, all at once: one that is away costs a time-out. */
export async function askMembers(asking: Asking): Promise<readonly MemberAnswer[]> {
  const hosts = await storageMembers(asking.client);
  return Promise.all(
    hosts.map(async (host) => {
      try {
        return { host, error: null, ...(await askMember(asking, host)) };
      } catch (error) {
        return { host, error: whyAway(error), clock: null, oplog: null };
      }
    }),
  );
}

/** Asks each server that a URL names. It is empty for a URL that names a DNS record in place of servers. */
export async function askNamedServers(
  mongoUrl: string,
  withMember: WithMember,
): Promise<readonly NamedServer[]> {
  const hosts = namedHosts(mongoUrl).slice(0, limits.namesShownMax);
  return Promise.all(
    hosts.map(async (host) => {
      try {
        const hello = await withMember(host, (member) => member.db("admin").command({ hello: 1 }));
        return { host, error: null, isPrimary: hello["isWritablePrimary"] === true };
      } catch (error) {
        return { host, error: whyAway(error), isPrimary: false };
      }
    }),
  );
}
