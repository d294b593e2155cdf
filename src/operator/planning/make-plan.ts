import { createHash } from "node:crypto";
import { lte } from "semver";
import type { Deadlines } from "../../../machines/vocabulary.ts";
import { type AgentRecord, readAgents } from "../../control/agents.ts";
import { requireSemver } from "../../control/versions.ts";
import { counted } from "../../counted.ts";
import { isLockstepError, LockstepError, messageOf } from "../../errors.ts";
import { silentLog } from "../../log.ts";
import { type Catalogue, readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { comparableIndex, comparableOptions } from "../../mongo/catalogue/comparable.ts";
import { databaseSize } from "../../mongo/requirements/space.ts";
import { asUnreachable } from "../../mongo/transient.ts";
import { once, type UpgradeCheck, upgradeChecks } from "../../upgrade/database/upgrade-checks.ts";
import { readOpenParts } from "../../upgrade/open-parts.ts";
import { deadlinesDefault, decideAcceptance } from "../../upgrade/protocol/accept.ts";
import { type DescribedSteps, describeSteps } from "../../upgrade/protocol/described-steps.ts";
import type { Step } from "../../upgrade/protocol/steps.ts";
import { requireDeclared } from "../declared.ts";
import { readHistory } from "../history.ts";
import type { OpenFleet } from "../open-fleet.ts";
import { estimateStates } from "./estimates.ts";
import type { FleetPlan, PlannedCheck } from "./plan-shape.ts";

/** The steps of a version's build, or a function that has such a build describe those between two versions. */
export type StepSource = readonly Step[] | ((from: string, to: string) => Promise<DescribedSteps>);

/** The version that a plan leads to, and what it needs to know of it. */
export interface PlanRequest {
  readonly to: string;
  readonly steps: StepSource;
  readonly deadlines: Partial<Deadlines>;
}

/** Each collection with a digest of its definition. Pure. */
function digestsOf({ collections }: Catalogue): FleetPlan["collections"] {
  return collections.map(({ name, type, uuid, options, indexes }) => {
    const facts = [type, uuid, comparableOptions(options), indexes.map(comparableIndex)];
    return { name, digest: createHash("sha256").update(JSON.stringify(facts)).digest("hex") };
  });
}

/** Runs one check. Its failure is a finding of the plan. Only a database that does not answer ends it. */
export async function planned({
  name,
  run,
}: Pick<UpgradeCheck, "name" | "run">): Promise<PlannedCheck> {
  try {
    return { name, isPassed: true, code: null, ...(await run()) };
  } catch (thrown) {
    const error = asUnreachable(thrown);
    if (isLockstepError(error, "database-unreachable")) throw error;
    const code = isLockstepError(error) ? error.code : "unexpected";
    return { name, isPassed: false, figure: messageOf(error), code, warning: null };
  }
}

/** The check of the version and of the agents, by the rule of a master. */
function acceptanceCheck(
  agents: readonly AgentRecord[],
  options: Omit<Parameters<typeof decideAcceptance>[0], "agents" | "between">,
): Pick<UpgradeCheck, "name" | "run"> {
  return {
    name: "the version and the agents",
    async run() {
      const { required } = decideAcceptance({ ...options, agents, between: [] });
      const words = `${counted(required.length, "state server")}, and each can start ${options.wanted.to}`;
      return { figure: words, warning: null };
    },
  };
}

/**
 * Plans an upgrade. It only reads.
 * @throws LockstepError `no-version`, `version-not-semver`, `version-not-higher`, `upgrade-active`, and those of
 *   `defineSteps` or of the description
 */
export async function makePlan(fleet: OpenFleet, request: PlanRequest): Promise<FleetPlan> {
  const { client, store, databaseName, controlDatabaseName, withMember } = fleet;
  const { to } = request;
  requireSemver(to);
  const versions = await requireDeclared(fleet);
  const from = versions.agentVersion;
  if (versions.upgradeId !== null) {
    throw new LockstepError(
      "upgrade-active",
      `expected no upgrade to be active, found ${versions.upgradeId}: plan again after its end`,
      { upgradeId: versions.upgradeId },
    );
  }
  if (lte(to, from)) {
    throw new LockstepError(
      "version-not-higher",
      `expected a version higher than ${from}, got ${to}: \`lockstep upgrade\` says whether a lower one can be taken`,
      { from, to },
    );
  }
  const { steps: source } = request;
  const isFunction = typeof source === "function";
  const { steps, hash } = await (isFunction ? source(from, to) : describeSteps(source, from, to));
  const hasSchemaSteps = steps.some(({ undo }) => undo === "the copies");
  const [agents, nowMs] = [await readAgents(store), await store.now()];
  const deadlines = { ...deadlinesDefault, ...request.deadlines };
  const catalogue = once(() => readCatalogue(client, databaseName));
  const { dataSizeBytes } = await databaseSize(client, databaseName);
  const groups = upgradeChecks(
    {
      ...{ client, store, databaseName, controlDatabaseName, withMember },
      ...{ log: silentLog, own: null, catalogue },
    },
    { bytes: 0, files: 0 },
  );
  const wanted = { to, restoreOf: null };
  const openParts = await readOpenParts(store, agents);
  const accepting = { versions, wanted, deadlines, openParts, nowMs };
  const checks = [await planned(acceptanceCheck(agents, accepting))];
  for (const group of groups) checks.push(...(await Promise.all(group.map(planned))));
  return {
    ...{ databaseName, controlDatabaseName, madeAt: nowMs, generation: versions.generation },
    ...{ from, to, deadlines, stepHash: hash, checks, steps },
    agents: agents.map(({ agent, role, version }) => {
      return { agent, role, version, isRequired: role === "state-server" };
    }),
    collections: digestsOf(await catalogue()),
    estimates: estimateStates(hasSchemaSteps, await readHistory(store), dataSizeBytes),
  };
}
