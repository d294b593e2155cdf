import { type AgentRecord, readAgents } from "../../control/agents.ts";
import { refuseUnsupported } from "../../database/backup/supported.ts";
import { requireHistory } from "../../database/history/history.ts";
import { LockstepError } from "../../errors.ts";
import type { Store } from "../../journal/store.ts";
import { controlOf } from "../../leadership/fences.ts";
import { requireMajorityWrite } from "../../leadership/majority-write.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { scratchDatabaseNames } from "../../mongo/database-names.ts";
import { checkDeployment, checkMajority } from "../../mongo/preflight.ts";
import { requireNamesFit } from "../../mongo/requirements/name-lengths.ts";
import { filesOf, requireFilesForCopy } from "../../mongo/requirements/open-files.ts";
import {
  databaseSize,
  oplogWarning,
  readMemberSpace,
  readOplogBytes,
  requireMemberSpace,
  spaceNeeded,
} from "../../mongo/requirements/space.ts";
import { checkServerVersions } from "../../mongo/server-versions.ts";
import { requireDefinitionsFit } from "../protocol/definitions-size.ts";
import { readAgentRights, requireAgentRights } from "./agent-rights.ts";
import type { Connections } from "./connections.ts";
import type { ExtraCopy } from "./upgrade-database.ts";

/** The means of a master to judge a database before an upgrade. */
export interface PreflightOptions extends Connections {
  readonly agent: string;
  readonly store: Store;
  readonly log: Log;
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

/**
 * Judges the database and the agents before an upgrade is accepted. Nothing has been written yet.
 * @param extra of a backup that is to be restored: a member holds it in the scratch database, then
 *   beside the live one with its oplog
 * @returns what the operator should know and may accept
 * @throws LockstepError `not-a-replica-set`, `rights-missing`, `no-majority`, `database-not-supported`, `disk-full`,
 *   `files-short`, `peers-missing`
 */
export async function preflightUpgrade(
  options: PreflightOptions,
  extra: ExtraCopy,
): Promise<readonly string[]> {
  await checkDeployment(options.client, options.databaseName);
  const keepers = (await readAgents(options.store)).filter(({ role }) => role === "state-server");
  const own = { agent: options.agent, rights: await readAgentRights(options) };
  const others = keepers.filter(({ agent }) => agent !== options.agent);
  const lacked = requireAgentRights([own, ...others]);
  await checkMajority(options.client);
  const control = controlOf(options);
  await requireMajorityWrite(control, limits.majorityAnswerMs);
  const catalogue = await readCatalogue(options.client, options.databaseName);
  refuseUnsupported(catalogue);
  requireDefinitionsFit(catalogue);
  requireNamesFit(catalogue, scratchDatabaseNames(options.controlDatabaseName));
  const files = filesOf(catalogue);
  const size = await databaseSize(options.client, options.databaseName);
  const needed = spaceNeeded(size);
  // The rehearsal's copy, then a restore; and a backup that is put in place twice more.
  const neededFiles = { liveFiles: files, addedFiles: 2 * files + 2 * extra.files };
  // Side by side: a member that is away costs its time-out once.
  const [space] = await Promise.all([
    readMemberSpace(options),
    checkServerVersions(options),
    requireFilesForCopy(options, neededFiles),
  ]);
  requireMemberSpace(space, needed.memberBytes + 3 * extra.bytes);
  requireOwnMembers(keepers);
  const short = keepers.filter(({ freeBytes }) => freeBytes < needed.agentBytes);
  if (short.length > 0) {
    throw new LockstepError(
      "disk-full",
      `expected ${needed.agentBytes} bytes free for the copy on every state server, too few on: ${short
        .map(({ agent, freeBytes }) => `${agent} (${freeBytes})`)
        .join(", ")}: make room there, then upgrade again`,
      { neededBytes: needed.agentBytes, short: short.map(({ agent }) => agent) },
    );
  }
  const warnings = [
    lacked,
    oplogWarning(await readOplogBytes(options.client), size),
    await requireHistory(options, size.dataSizeBytes),
  ].filter((warning) => warning !== null);
  for (const warning of warnings) options.log.warn({}, warning);
  return warnings;
}
