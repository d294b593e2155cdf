import { type MongoClient, MongoServerError } from "mongodb";
import { type Fleet, nameOf, requireFleet } from "../../control/fleet-registry.ts";
import { readVersions } from "../../control/versions.ts";
import { isLockstepError } from "../../errors.ts";
import { silentLog } from "../../log.ts";
import { connect, memberOpener } from "../../mongo/connect.ts";
import { controlDatabaseName as controlNameOf } from "../../mongo/database-names.ts";
import { databaseNameOf } from "../../mongo/database-of-url.ts";
import { readLacking } from "../../mongo/requirements/rights.ts";
import { systemClock } from "../../ports/clock.ts";
import { upgradeChecks } from "../../upgrade/database/upgrade-checks.ts";
import { requireDeclared } from "../declared.ts";
import { fleetOn, type OpenFleet } from "../open-fleet.ts";
import { readStatus } from "../status.ts";
import { type Examination, examinationOf, examined, type Finding, failed, ok } from "./finding.ts";
import { judgeFleet } from "./judge-fleet.ts";
import {
  judgeClocks,
  judgeConnection,
  judgeMembers,
  judgeServers,
  judgeWindow,
} from "./judge-members.ts";
import { judgeRights } from "./judge-rights.ts";
import { parts } from "./mends.ts";
import { examineDatabases } from "./read-databases.ts";
import { holdExaminations } from "./read-holds.ts";
import { askMembers, askNamedServers, readSetMembers } from "./read-members.ts";

export type { Finding, Outcome } from "./finding.ts";

export interface ExamineOptions {
  /** URL of the replica set; its path is the application's database. */
  readonly mongoUrl: string;
  /** Name of the fleet. Default: the application's database. */
  readonly fleet?: string | undefined;
  /** The time to wait for the database, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
}

const appName = "lockstep:doctor";

/** The declaration of the fleet, the rights of this user, and what an upgrade holds back. */
function ownExaminations(fleet: OpenFleet): readonly Examination[] {
  const { client } = fleet;
  return [
    {
      name: parts.fleet,
      async run() {
        await requireFleet(client, fleet);
        const { agentVersion, databaseVersion } = await requireDeclared(fleet);
        const words = `"${nameOf(fleet)}": agent version ${agentVersion}, database version ${databaseVersion}`;
        return [ok(parts.fleet, words)];
      },
    },
    {
      name: parts.rights,
      run: async () => [judgeRights(await readLacking(client, "upgrade", fleet))],
    },
    ...holdExaminations(fleet),
  ];
}

/** The members as the set sees them, and as they answer here. */
function memberExaminations(fleet: OpenFleet): readonly Examination[] {
  const asked = askMembers(fleet);
  // Each part that waits for it reports its failure.
  asked.catch(() => {});
  return [
    {
      name: parts.members,
      run: async () => [judgeMembers(await readSetMembers(fleet.client), await asked)],
    },
    { name: parts.clocks, run: async () => [judgeClocks(await asked)] },
    { name: parts.window, run: async () => [judgeWindow(await asked)] },
  ];
}

/** The master, the upgrade and the agents. A fleet that nobody has declared has none, and is a finding of its own. */
async function examineState({ store }: OpenFleet): Promise<readonly Finding[]> {
  if (!(await readVersions(store))) return [];
  return judgeFleet(await readStatus(store));
}

/** The parts of an examination, in the order in which they are shown. */
function examinations(fleet: OpenFleet): readonly Examination[] {
  const checks = upgradeChecks({ ...fleet, log: silentLog, own: null }, { bytes: 0, files: 0 });
  return [
    ...ownExaminations(fleet),
    ...memberExaminations(fleet),
    ...checks.flat().map(examinationOf),
    { name: parts.scratch, run: () => examineDatabases(fleet) },
    { name: parts.agents, run: () => examineState(fleet) },
  ];
}

/** The servers that the URL names, where the set itself does not answer. */
async function examineServers(mongoUrl: string, why: unknown): Promise<readonly Finding[]> {
  if (!isLockstepError(why, "database-unreachable")) return [];
  // A server that refuses the user has answered.
  if (why.cause instanceof MongoServerError) return [];
  const servers = await askNamedServers(mongoUrl, memberOpener(mongoUrl, appName));
  return servers.length === 0 ? [] : [judgeServers(servers)];
}

/** The finding of a set that answers. */
async function examineConnection({ client, clock }: OpenFleet): Promise<Finding> {
  const beforeMs = clock.monotonicMs();
  const { me, isWritablePrimary } = await client.db("admin").command({ hello: 1 });
  const tookMs = Math.ceil(clock.monotonicMs() - beforeMs);
  return judgeConnection(String(me ?? "one server"), isWritablePrimary === true, tookMs);
}

/**
 * Examines a fleet, its replica set and its agents. It only reads. A part that fails is a finding, and the others go on.
 * @throws LockstepError `bad-argument` for a URL or a fleet's name that cannot be used; the signal's reason
 */
export async function* examine(options: ExamineOptions): AsyncGenerator<Finding> {
  const { mongoUrl, timeoutMs, signal } = options;
  const databaseName = databaseNameOf(mongoUrl);
  const names: Fleet = {
    databaseName,
    controlDatabaseName: controlNameOf(options.fleet ?? databaseName),
  };
  let client: MongoClient;
  try {
    client = await connect(mongoUrl, appName, timeoutMs);
  } catch (error) {
    yield failed(parts.connection, error);
    signal.throwIfAborted();
    yield* await examineServers(mongoUrl, error);
    return;
  }
  const fleet = fleetOn(client, names, { mongoUrl, appName, clock: systemClock });
  try {
    const run = async () => [await examineConnection(fleet)];
    yield* await examined({ name: parts.connection, run });
    // All at once, so that a member or a set that goes away costs one time-out.
    const running = examinations(fleet).map(examined);
    for (const one of running) {
      const findings = await one;
      signal.throwIfAborted();
      yield* findings;
    }
  } finally {
    await fleet.close();
  }
}
