import { type AgentRecord, readAgents } from "../../control/agents.ts";
import { counted } from "../../counted.ts";
import { refuseUnsupported } from "../../database/backup/supported.ts";
import { historySecondsNeeded, requireHistory } from "../../database/history/history.ts";
import { LockstepError } from "../../errors.ts";
import type { Store } from "../../journal/store.ts";
import type { Log } from "../../log.ts";
import { type Catalogue, readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { scratchDatabaseNames } from "../../mongo/database-names.ts";
import { requireNamesFit } from "../../mongo/requirements/name-lengths.ts";
import { filesOf, requireFilesForCopy } from "../../mongo/requirements/open-files.ts";
import { checkDeployment, checkMajority } from "../../mongo/requirements/preflight.ts";
import type { Lacking } from "../../mongo/requirements/rights.ts";
import { checkServerVersions } from "../../mongo/requirements/server-versions.ts";
import {
  type DatabaseSize,
  databaseSize,
  oplogWarning,
  readMemberSpace,
  readOplogBytes,
  requireMemberSpace,
  spaceNeeded,
} from "../../mongo/requirements/space.ts";
import { requireDefinitionsFit } from "../protocol/definitions-size.ts";
import { requireAgentRights } from "./agent-rights.ts";
import type { Connections } from "./connections.ts";
import type { ExtraCopy } from "./upgrade-database.ts";

/** The findings of a check that was passed. */
export interface CheckFound {
  /** The figures, in words. */
  readonly figure: string;
  /** The facts that the operator should know and may accept, or null. */
  readonly warning: string | null;
}

/** One check before an upgrade. It only reads. */
export interface UpgradeCheck {
  readonly name: string;
  /** @throws LockstepError where an upgrade would be refused */
  run(): Promise<CheckFound>;
}

/** The means of the checks. */
export interface CheckOptions extends Omit<Connections, "memberClient"> {
  readonly store: Store;
  readonly log: Log;
  /** The name of this state server, and how to read its rights; null for a reader that is none. */
  readonly own: { readonly agent: string; readRights(): Promise<Lacking> } | null;
  /** Default: reads the definitions once. A database of thousands of collections takes seconds. */
  readonly catalogue?: () => Promise<Catalogue>;
}

/** The names of the checks. Doctor has a mend for each. */
export const checkNames = {
  /** After this check a master makes a write, and so proves that a majority acknowledges it. */
  majority: "a majority of the members",
  deployment: "the deployment",
  agentRights: "the rights of the agents",
  definitions: "the definitions",
  memberVersions: "the versions of the members",
  openFiles: "the open files of the members",
  memberDisks: "the disks of the members",
  readMembers: "the members from which copies are read",
  agentDisks: "the disks of the agents",
  oplog: "the oplog",
  memberHistory: "the history of the members",
} as const;

const passed = (figure: string, warning: string | null = null): CheckFound => ({ figure, warning });
const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`;

/** Reads once, at the first question. */
export function once<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let found: Promise<Value> | undefined;
  return () => {
    found ??= read();
    return found;
  };
}

/** The facts that several checks need. */
interface Facts {
  keepers(): Promise<readonly AgentRecord[]>;
  catalogue(): Promise<Catalogue>;
  size(): Promise<DatabaseSize>;
}

/** Refuses while a state server could not read its copy. Pure. */
function requireOwnMembers(keepers: readonly AgentRecord[]): void {
  const troubled = keepers.filter(({ memberTrouble }) => typeof memberTrouble === "string");
  if (troubled.length === 0) return;
  const words = troubled.map(({ agent, memberTrouble }) => `${agent}: ${memberTrouble}`);
  throw new LockstepError(
    "peers-missing",
    `expected every state server to be able to read its copy from its own member, got a member that is: ${words.join("; ")}: mend that member, or start the agent with another memberUrl, then ask again`,
    { missing: troubled.map(({ agent }) => agent) },
  );
}

/** Refuses state servers without room for their copies. Pure. */
function requireAgentSpace(keepers: readonly AgentRecord[], neededBytes: number): void {
  const short = keepers.filter(({ freeBytes }) => freeBytes < neededBytes);
  if (short.length === 0) return;
  throw new LockstepError(
    "disk-full",
    `expected ${neededBytes} bytes free for the copy on every state server, too few on: ${short
      .map(({ agent, freeBytes }) => `${agent} (${freeBytes})`)
      .join(", ")}: make room there, then upgrade again`,
    { neededBytes, short: short.map(({ agent }) => agent) },
  );
}

/** The checks of the set itself. */
function serverChecks(
  options: CheckOptions,
  { keepers, catalogue }: Facts,
): readonly UpgradeCheck[] {
  const { client, databaseName, own } = options;
  return [
    {
      name: checkNames.deployment,
      async run() {
        await checkDeployment(client, databaseName);
        return passed("a replica set, MongoDB 6.0 or newer");
      },
    },
    {
      name: checkNames.agentRights,
      async run() {
        const asked = own ? [{ agent: own.agent, rights: await own.readRights() }] : [];
        const others = (await keepers()).filter(({ agent }) => agent !== own?.agent);
        const warning = requireAgentRights([...asked, ...others]);
        return passed(
          `nothing is missing on ${counted(asked.length + others.length, "state server")}`,
          warning,
        );
      },
    },
    {
      name: checkNames.majority,
      async run() {
        const { healthy, needed } = await checkMajority(client);
        return passed(
          `${counted(healthy, "healthy member")} with data; a majority needs ${needed}`,
        );
      },
    },
    {
      name: checkNames.definitions,
      async run() {
        const found = await catalogue();
        refuseUnsupported(found);
        requireDefinitionsFit(found);
        requireNamesFit(found, scratchDatabaseNames(options.controlDatabaseName));
        return passed(
          `${counted(found.collections.length, "collection or view", "collections and views")} to copy and restore`,
        );
      },
    },
  ];
}

/** The checks that ask each member. A member that is away costs its time-out, so they run side by side. */
function memberChecks(
  options: CheckOptions,
  { catalogue, size }: Facts,
  extra: ExtraCopy,
): readonly UpgradeCheck[] {
  return [
    {
      name: checkNames.memberVersions,
      async run() {
        const { members, feature } = await checkServerVersions(options);
        const releases = [...new Set(members.map(({ version }) => version))].toSorted();
        return passed(
          `MongoDB ${releases.join(" and ")} on ${counted(members.length, "member")}, featureCompatibilityVersion ${feature}`,
        );
      },
    },
    {
      name: checkNames.openFiles,
      async run() {
        const liveFiles = filesOf(await catalogue());
        // The data is loaded for the rehearsal, and again for a restore. So is a backup that is to be restored.
        const addedFiles = 2 * liveFiles + 2 * extra.files;
        await requireFilesForCopy(options, { liveFiles, addedFiles });
        return passed(`each can open ${counted(addedFiles, "more file")}`);
      },
    },
    {
      name: checkNames.memberDisks,
      async run() {
        const { memberBytes } = spaceNeeded(await size());
        const neededBytes = memberBytes + 3 * extra.bytes;
        const space = await readMemberSpace(options);
        requireMemberSpace(space, neededBytes);
        const free = space.map(({ host, freeBytes }) => `${host} ${megabytes(freeBytes)}`);
        return passed(`each needs ${megabytes(neededBytes)}; free: ${free.join(", ")}`);
      },
    },
  ];
}

/** The checks of the agents' hosts and of the set's memory. */
function hostChecks(options: CheckOptions, { keepers, size }: Facts): readonly UpgradeCheck[] {
  return [
    {
      name: checkNames.readMembers,
      async run() {
        const found = await keepers();
        requireOwnMembers(found);
        return passed(`readable from ${counted(found.length, "state server")}`);
      },
    },
    {
      name: checkNames.agentDisks,
      async run() {
        const [found, { agentBytes }] = [await keepers(), spaceNeeded(await size())];
        requireAgentSpace(found, agentBytes);
        const free = found.map(({ agent, freeBytes }) => `${agent} ${megabytes(freeBytes)}`);
        const words = free.length === 0 ? "no state server is there" : `free: ${free.join(", ")}`;
        return passed(`each needs ${megabytes(agentBytes)}; ${words}`);
      },
    },
    {
      name: checkNames.oplog,
      async run() {
        const [bytes, found] = [await readOplogBytes(options.client), await size()];
        const figure = bytes === null ? "its size is not known" : `it holds ${megabytes(bytes)}`;
        return passed(figure, oplogWarning(bytes, found));
      },
    },
    {
      name: checkNames.memberHistory,
      async run() {
        const { dataSizeBytes } = await size();
        const warning = await requireHistory(options, dataSizeBytes);
        return passed(`${historySecondsNeeded(dataSizeBytes)} s are needed`, warning);
      },
    },
  ];
}

/**
 * All checks of the database and of the agents before an upgrade, in groups that may run side by side.
 * @param extra of a backup that is to be restored: a member holds it in the scratch database, then
 *   beside the live one with its oplog
 */
export function upgradeChecks(
  options: CheckOptions,
  extra: ExtraCopy,
): readonly (readonly UpgradeCheck[])[] {
  const { client, databaseName, store } = options;
  const facts: Facts = {
    keepers: once(async () =>
      (await readAgents(store)).filter(({ role }) => role === "state-server"),
    ),
    catalogue: options.catalogue ?? once(() => readCatalogue(client, databaseName)),
    size: once(() => databaseSize(client, databaseName)),
  };
  return [
    ...serverChecks(options, facts).map((check) => [check]),
    memberChecks(options, facts, extra),
    ...hostChecks(options, facts).map((check) => [check]),
  ];
}
