import { hostname } from "node:os";
import type { MongoClient } from "mongodb";
import { awaitName } from "../control/agent-name.ts";
import { register } from "../control/agents.ts";
import { nameOf, registerFleet, requireFleet } from "../control/fleet-registry.ts";
import { connectionNames } from "../control/ids.ts";
import { initializeVersions, readVersions } from "../control/versions.ts";
import { checkWriteBlock } from "../database/isolation/write-block.ts";
import { isAway, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { createMongoStore } from "../journal/mongo-store.ts";
import type { Versions } from "../journal/store.ts";
import { controlOf } from "../leadership/fences.ts";
import { killPredecessor } from "../leadership/kill-predecessor.ts";
import { createLeaseStore, leaseTtlFor, readElectionTimeoutMs } from "../leadership/lease.ts";
import { requireMajorityWrite } from "../leadership/majority-write.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { connect, memberOpener } from "../mongo/connect.ts";
import { ownMemberUrl } from "../mongo/members.ts";
import { readMemberTrouble } from "../mongo/own-member.ts";
import { checkLastingDeployment } from "../mongo/requirements/preflight.ts";
import { asUnreachable } from "../mongo/transient.ts";
import { createMongoDatabase } from "../upgrade/database/mongo-database.ts";
import { createLocalJournal } from "../upgrade/participant/local/local-journal.ts";
import { findUpgradeSpans } from "../upgrade/upgrade-spans.ts";
import { type Readiness, readinessOf } from "./read-only-database.ts";
import { type AgentProcessOptions, type RunPorts, type Runtime, runAgent } from "./run-agent.ts";
import { awaitVersion } from "./start/await-version.ts";
import { type OwnDirectory, takeDirectory } from "./start/own-directory.ts";

export interface RuntimeOptions
  extends Omit<AgentProcessOptions, "incarnation" | "appName" | "leaseTtlMs" | "readiness">,
    Pick<RunPorts, "clock" | "random" | "faultPoints" | "log"> {
  readonly mongoUrl: string;
  readonly memberUrl: string | undefined;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
  readonly initialize: boolean;
  /** A launcher has started this process, and holds the lock of the data directory. */
  readonly isLaunched: boolean;
  readonly readiness: Readiness | null;
  readonly incarnationAtLeast: number;
  readonly leaseTtlMs: number | undefined;
  /** Aborts when this agent is stopped before it has started. */
  readonly signal: AbortSignal;
  /** Tells the launcher that this process waits for others, so that its version is not blamed. */
  reportWaiting(): void;
}

/**
 * While an upgrade is under way, it is too late to refuse: every agent waits for this one, and the set can be read from.
 * @throws LockstepError `bad-argument` for a member that can never give a copy
 */
async function requireOwnMember(
  clients: { memberClient: MongoClient; client: MongoClient },
  versions: Versions | undefined,
  log: Log,
): Promise<void> {
  const trouble = await readMemberTrouble(clients);
  if (trouble === null) return;
  if (trouble.isLasting && typeof versions?.upgradeId !== "string") {
    throw new LockstepError(
      "bad-argument",
      `expected a memberUrl of a member that holds the database's data, got one that is ${trouble.words}: name another member, or leave memberUrl out`,
    );
  }
  log.warn({ why: trouble.words }, "this agent's own member can give no copy at present");
}

/** Opens the member from which this agent reads its copy: the set, where no member is named or that one is away. */
async function openOwnMember(
  { memberUrl, log }: RuntimeOptions,
  client: MongoClient,
  open: (url: string) => Promise<MongoClient>,
): Promise<MongoClient> {
  if (!memberUrl) return client;
  return open(ownMemberUrl(memberUrl)).catch((error: unknown) => {
    if (!isLockstepError(error, "database-unreachable")) throw error;
    log.warn(
      { error: messageOf(error) },
      "this agent's own member is away, so it reads from the set",
    );
    return client;
  });
}

/** Starts one process of one agent: registers it, then drives its loops until it is stopped. */
export async function startAgent(options: RuntimeOptions): Promise<Runtime> {
  const { agent, faultPoints, clock, lifecycle, controlDatabaseName } = options;
  const names = connectionNames(controlDatabaseName, agent, options.random.hex(4));
  const clients: MongoClient[] = [];
  const open = async (url: string, name: string) => {
    const client = await connect(url, name);
    clients.push(client);
    return client;
  };
  let own: OwnDirectory | undefined;
  const closeAll = async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
    await own?.release();
  };

  try {
    own = await takeDirectory(options);
    const client = await open(options.mongoUrl, names.own);
    await checkLastingDeployment(client, options.databaseName);
    if (options.preventForeignWrites) await checkWriteBlock(client);
    const renewClient = await open(options.mongoUrl, `${names.own}:renew`);
    const memberClient = await openOwnMember(options, client, (url) =>
      open(url, `${names.own}:member`),
    );
    const control = controlOf({ client, controlDatabaseName });
    const store = createMongoStore({ ...control, faultPoints, clock });
    await requireFleet(client, options);
    const versions = await awaitVersion({ ...options, store, fleet: nameOf(options) });
    await requireOwnMember({ memberClient, client }, versions, options.log);
    // Without a majority the writes below would wait for ever, and the launcher would not learn why.
    await requireMajorityWrite(control, limits.majorityAnswerMs);
    await registerFleet(client, options, faultPoints);
    if (!(await readVersions(store))) await initializeVersions(store, options.version);
    const database = createMongoDatabase({
      ...options,
      ...{ client, memberClient, store },
      withMember: memberOpener(options.mongoUrl, names.own),
      log: options.log.child({ agent, version: options.version }),
    });
    await awaitName({ store, clock }, agent, own.id);
    const ended = await killPredecessor({ client, appName: names.earlier, log: options.log });
    if (ended > 0) options.log.info({ agent, ended }, "sessions of an earlier process are ended");
    const incarnation = await register(store, agent, {
      role: options.role,
      version: options.version,
      startable: options.startable,
      incarnationAtLeast: options.incarnationAtLeast,
      ...(await database.holdings()),
      ...{ directory: own.id, starting: true },
      host: hostname(),
      pid: process.pid,
    });
    const log = options.log.child({ agent, incarnation, version: options.version });
    lifecycle.emit("started", { incarnation, version: options.version });
    const leaseTtlMs = options.leaseTtlMs ?? leaseTtlFor(await readElectionTimeoutMs(client));
    const readiness = readinessOf(options, client);
    const spans = await findUpgradeSpans({ controlDatabaseName, store, log });
    return await runAgent(
      { ...options, readiness, incarnation, appName: names.own, leaseTtlMs },
      {
        ...{ store, database, faultPoints, log, clock, spans, random: options.random },
        leases: createLeaseStore({ ...control, renewClient, faultPoints }),
        endPredecessor: (predecessor) => killPredecessor({ client, appName: predecessor, log }),
        localJournal: createLocalJournal(options.dataDirectory, faultPoints),
        async close() {
          await store.close();
          await closeAll();
        },
      },
    );
  } catch (error) {
    const isHeldUp = isAway(asUnreachable(error)) || isLockstepError(error, "name-taken");
    if (isHeldUp) options.reportWaiting();
    await closeAll();
    throw error;
  }
}
