import type { Store } from "../../journal/store.ts";
import { controlOf } from "../../leadership/fences.ts";
import { requireMajorityWrite } from "../../leadership/majority-write.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { readAgentRights } from "./agent-rights.ts";
import type { Connections } from "./connections.ts";
import {
  type CheckFound,
  checkNames,
  once,
  type UpgradeCheck,
  upgradeChecks,
} from "./upgrade-checks.ts";
import type { ExtraCopy, Judged } from "./upgrade-database.ts";

/** The means of a master to judge a database before an upgrade. */
export interface PreflightOptions extends Connections {
  readonly agent: string;
  readonly store: Store;
  readonly log: Log;
}

/** Runs checks side by side. Where several are refused, the first of the list counts. */
async function sideBySide(checks: readonly UpgradeCheck[]): Promise<readonly CheckFound[]> {
  const settled = await Promise.allSettled(checks.map((check) => check.run()));
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

/**
 * Judges the database and the agents before an upgrade is accepted. Nothing has been written yet.
 * @throws LockstepError `not-a-replica-set`, `rights-missing`, `no-majority`, `database-not-supported`, `disk-full`,
 *   `files-short`, `peers-missing`
 */
export async function preflightUpgrade(
  options: PreflightOptions,
  extra: ExtraCopy,
): Promise<Judged> {
  const own = { agent: options.agent, readRights: () => readAgentRights(options) };
  const catalogue = once(() => readCatalogue(options.client, options.databaseName));
  const groups = upgradeChecks({ ...options, own, catalogue }, extra);
  const found: CheckFound[] = [];
  for (const group of groups) {
    found.push(...(await sideBySide(group)));
    // A member that looks healthy may acknowledge nothing.
    if (group.some(({ name }) => name === checkNames.majority)) {
      await requireMajorityWrite(controlOf(options), limits.majorityAnswerMs);
    }
  }
  const warnings = found.flatMap(({ warning }) => warning ?? []);
  for (const warning of warnings) {
    options.log.warn({ why: warning }, "an upgrade can begin, but not as it should");
  }
  return { warnings, catalogue: await catalogue() };
}
