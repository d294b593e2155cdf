import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../ports/random.ts";
import { poll, withClient } from "./ask.ts";
import { startGuard } from "./guard.ts";
import { initiateSet, setName } from "./initiate.ts";
import { loopback, type Member, type Place, startMember } from "./mongod-process.ts";

/** A real replica set on this machine. */
export interface ReplicaSet {
  /** The folder of its data and logs. */
  readonly directory: string;
  readonly members: readonly Member[];
  /** URL of the set, with a database's name as its path. */
  url(database?: string): string;
  primary(): Promise<Member>;
  /** Asks the primary to step down and waits until another has taken over. */
  stepDown(): Promise<void>;
  /** Ends all of it. Data in a temporary folder is deleted. */
  stop(): Promise<void>;
}

export interface ReplicaSetOptions {
  readonly mongodPath: string;
  readonly members?: number;
  /** A folder for the data, which stays. Default: a temporary one, which is deleted at the end. */
  readonly directory?: string | undefined;
  /** The members' ports. Default: free ones. */
  readonly ports?: readonly number[];
  /** Ends the start. */
  readonly signal?: AbortSignal;
  /** The last member votes and holds no data. */
  readonly arbiter?: boolean;
  readonly electionTimeoutMs?: number;
  /** The host by which members and clients reach a member, where something stands before it. */
  readonly front?: (member: Member) => Promise<string>;
  /** The place of the member of this number (from 1). Default: the loopback. */
  readonly place?: (number: number) => Place;
  /** With TLS (PEM files) and a root user, so that clients have to log in. */
  readonly secure?: {
    readonly certificateKeyPath: string;
    readonly authorityPath: string;
    readonly username: string;
    readonly password: string;
  };
}

interface Security {
  readonly arguments: readonly string[];
  readonly urlOptions: string;
  readonly credentials: string;
}

/** The command line and URL options of a secure set. */
async function securityOf(
  { secure }: ReplicaSetOptions,
  directory: string,
  keyFileText: string,
): Promise<Security> {
  if (!secure) return { arguments: [], urlOptions: "", credentials: "" };
  const keyPath = join(directory, "members.key");
  await writeFile(keyPath, keyFileText, { mode: 0o600 });
  return {
    arguments: [
      ...["--keyFile", keyPath, "--tlsMode", "requireTLS", "--tlsCAFile", secure.authorityPath],
      ...["--tlsCertificateKeyFile", secure.certificateKeyPath],
      "--tlsAllowConnectionsWithoutCertificates",
    ],
    urlOptions: `&tls=true&tlsCAFile=${encodeURIComponent(secure.authorityPath)}`,
    credentials: `${encodeURIComponent(secure.username)}:${encodeURIComponent(secure.password)}@`,
  };
}

/** Makes the first user of a set, which needs no login from the member's own machine. */
async function createRoot(
  secure: NonNullable<ReplicaSetOptions["secure"]>,
  members: readonly Member[],
): Promise<void> {
  const primary = await poll("a primary", () => findPrimary(members));
  const { username, password } = secure;
  await withClient(primary.directUrl, (client) =>
    client.db("admin").command({
      createUser: username,
      pwd: password,
      roles: ["root"],
      writeConcern: { w: "majority" },
    }),
  );
}

async function findPrimary(members: readonly Member[]): Promise<Member | undefined> {
  for (const member of members.filter(({ alive }) => alive)) {
    const hello = await withClient(member.directUrl, (client) =>
      client.db("admin").command({ hello: 1 }),
    ).catch(() => undefined);
    if (hello?.["isWritablePrimary"] === true) return member;
  }
  return undefined;
}

/** Writes something that so many members have, and takes it away again. */
function writeOnce(url: string, holders: number): Promise<boolean> {
  return withClient(url, async (client) => {
    const probe = client.db("lockstep_probe");
    await probe
      .collection("probe")
      .insertOne({}, { writeConcern: { w: holders, wtimeoutMS: 5_000 } });
    await probe.dropDatabase();
    return true;
  });
}

/** Starts a replica set of real mongods, writable by a majority when it resolves. */
export async function startReplicaSet(options: ReplicaSetOptions): Promise<ReplicaSet> {
  const { signal } = options;
  const isKept = options.directory !== undefined;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "lockstep-set-")));
  const guard = startGuard(isKept ? null : directory);
  const members: Member[] = [];
  const hosts: string[] = [];
  const stop = async () => {
    await Promise.all(members.map((member) => (isKept ? member.end() : member.kill())));
    await guard.release();
    if (!isKept) await rm(directory, { recursive: true, force: true });
  };
  const security = await securityOf(options, directory, systemRandom.hex(48));
  const url = (database = "") =>
    `mongodb://${security.credentials}${hosts.join(",")}/${database}?replicaSet=${setName}${
      security.credentials === "" ? "" : `&authSource=admin${security.urlOptions}`
    }`;
  try {
    const names = Array.from({ length: options.members ?? 3 }, (_, index) => `m${index + 1}`);
    const started = await Promise.all(
      names.map((name, index) =>
        startMember({
          name,
          place: options.place?.(index + 1) ?? loopback,
          mongodPath: options.mongodPath,
          ...{ directory, guard, signal },
          port: options.ports?.[index],
          arguments: ["--replSet", setName, "--oplogSize", "512", ...security.arguments],
          urlOptions: security.urlOptions,
        }),
      ),
    );
    members.push(...started);
    const { front = ({ host }: Member) => Promise.resolve(host) } = options;
    hosts.push(...(await Promise.all(started.map(front))));
    await initiateSet(members[0] as Member, hosts, {
      ...{ directory, electionTimeoutMs: options.electionTimeoutMs ?? 2_000 },
      ...{ arbiter: options.arbiter === true, mayHaveData: isKept },
    });
    const holders = members.length - (options.arbiter === true ? 1 : 0);
    if (options.secure) await createRoot(options.secure, members);
    await poll("a majority", () => writeOnce(url(), holders), signal);
  } catch (error) {
    await stop();
    throw error;
  }
  const primary = () => poll("a primary", () => findPrimary(members));
  return {
    directory,
    members,
    url,
    primary,
    stop,
    async stepDown() {
      const old = await primary();
      await withClient(old.directUrl, (client) =>
        client.db("admin").command({ replSetStepDown: 10, secondaryCatchUpPeriodSecs: 5 }),
      ).catch(() => {
        // The primary may close the connection as it steps down; who is primary is looked up below.
      });
      await poll("another primary", async () => {
        const now = await findPrimary(members);
        return now && now !== old ? now : undefined;
      });
    },
  };
}
