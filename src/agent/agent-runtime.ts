import { hostname } from "node:os";
import type { MongoClient } from "mongodb";
import { register } from "../control/agents.ts";
import { registerFleet, requireFleet } from "../control/fleet-registry.ts";
import { connectionNames } from "../control/names.ts";
import { initializeVersions, noVersionError, readVersions } from "../control/versions.ts";
import { checkWriteBlock } from "../database/isolation/write-block.ts";
import { isAway, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { createMongoStore } from "../journal/mongo-store.ts";
import { killPredecessor } from "../leadership/kill-predecessor.ts";
import { createLeaseStore, leaseTtlFor, readElectionTimeoutMs } from "../leadership/lease.ts";
import { requireMajorityWrite } from "../leadership/majority-write.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { connect, memberOpener } from "../mongo/connect.ts";
import { ownMemberUrl } from "../mongo/members.ts";
import { readMemberTrouble } from "../mongo/own-member.ts";
import { checkDeployment } from "../mongo/preflight.ts";
import { asUnreachable } from "../mongo/transient.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import { createPrivateFolder } from "../ports/files.ts";
import type { Random } from "../ports/random.ts";
import { createDatabaseSide } from "../upgrade/database-side.ts";
import { createLocalJournal } from "../upgrade/participant/local-journal.ts";
import { type AgentProcessOptions, type Runtime, runAgent } from "./run-agent.ts";

export interface RuntimeOptions
  extends Omit<AgentProcessOptions, "incarnation" | "appName" | "leaseTtlMs"> {
  readonly mongoUrl: string;
  readonly memberUrl: string | undefined;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
  readonly initialize: boolean;
  readonly incarnationAtLeast: number;
  readonly leaseTtlMs: number | undefined;
  reportDatabaseAway(): void;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly faultPoints: FaultPoints;
}

/** @throws LockstepError `bad-argument` for a member from which no copy could ever be read */
async function requireOwnMember(
  clients: { memberClient: MongoClient; client: MongoClient },
  log: Log,
): Promise<void> {
  const trouble = await readMemberTrouble(clients);
  if (trouble === null) return;
  if (trouble.isLasting) {
    throw new LockstepError(
      "bad-argument",
      `expected a memberUrl of a member that holds the database's data, got one that is ${trouble.words}: name another member, or leave memberUrl out`,
    );
  }
  log.warn({ member: trouble.words }, "no copy can be read from its own member at present");
}

/** Starts one process of one agent: registers it, then drives its loops until it is stopped. */
export async function startAgent(options: RuntimeOptions): Promise<Runtime> {
  const { agent, faultPoints, lifecycle, controlDatabaseName } = options;
  const names = connectionNames(controlDatabaseName, agent, options.random.hex(4));
  const appName = names.own;
  const clients: MongoClient[] = [];
  const open = async (url: string, name: string) => {
    const client = await connect(url, name);
    clients.push(client);
    return client;
  };
  const closeClients = async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
  };

  try {
    await createPrivateFolder(options.dataDirectory);
    const client = await open(options.mongoUrl, appName);
    await checkDeployment(client, options.databaseName);
    if (options.preventForeignWrites) await checkWriteBlock(client);
    const renewClient = await open(options.mongoUrl, `${appName}:renew`);
    const openMember = (url: string) =>
      open(url, `${appName}:member`).catch((error: unknown) => {
        if (!isLockstepError(error, "database-unreachable")) throw error;
        options.log.warn(
          { error: messageOf(error) },
          "its own member is away: the set is read from",
        );
        return client;
      });
    const memberClient = options.memberUrl
      ? await openMember(ownMemberUrl(options.memberUrl))
      : client;
    await requireOwnMember({ memberClient, client }, options.log);
    const store = createMongoStore({ client, databaseName: controlDatabaseName, faultPoints });
    await requireFleet(client, options);
    if (!options.initialize && !(await readVersions(store))) throw noVersionError();
    // What follows waits for a majority without an end: where there is none, the launcher has to hear of it.
    await requireMajorityWrite(
      { client, databaseName: controlDatabaseName },
      limits.majorityAnswerMs,
    );
    await registerFleet(client, options, faultPoints);
    if (!(await readVersions(store))) await initializeVersions(store, options.version);
    const connections = {
      ...{ client, memberClient, databaseName: options.databaseName, controlDatabaseName },
      withMember: memberOpener(options.mongoUrl, appName),
    };
    const database = createDatabaseSide(connections, options.clock);
    const ended = await killPredecessor({ client, appName: names.earlier, log: options.log });
    if (ended > 0) options.log.info({ agent, ended }, "sessions of an earlier process are ended");
    const incarnation = await register(store, agent, {
      role: options.role,
      version: options.version,
      startable: options.startable,
      incarnationAtLeast: options.incarnationAtLeast,
      ...(await database.holdings(options)),
      host: hostname(),
      pid: process.pid,
    });
    const log = options.log.child({ agent, incarnation, version: options.version });
    lifecycle.emit("started", { incarnation, version: options.version });
    const leaseTtlMs = options.leaseTtlMs ?? leaseTtlFor(await readElectionTimeoutMs(client));
    return await runAgent(
      { ...options, incarnation, appName, leaseTtlMs },
      {
        ...{ store, database, faultPoints, log, clock: options.clock, random: options.random },
        leases: createLeaseStore({
          client,
          renewClient,
          databaseName: controlDatabaseName,
          faultPoints,
        }),
        endPredecessor: (predecessor) => killPredecessor({ client, appName: predecessor, log }),
        localJournal: createLocalJournal(options.dataDirectory, faultPoints),
        async close() {
          await store.close();
          await closeClients();
        },
      },
    );
  } catch (error) {
    if (isAway(asUnreachable(error))) options.reportDatabaseAway();
    await closeClients();
    throw error;
  }
}
