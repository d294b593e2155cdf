import { lt } from "semver";
import type { ParticipantInput } from "../../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../../machines/upgrade-context.ts";
import { protocol } from "../../../../machines/vocabulary.ts";
import { coordinatorPrefix, participantId, provisionId } from "../../../control/ids.ts";
import { notInstalled } from "../../../control/versions.ts";
import type { Entry, Versions } from "../../../journal/store.ts";
import { contextOf } from "../../fleet-journal.ts";
import { ensureParticipant, type ParticipantWorld } from "../participant-world.ts";
import { beforeAllVersions } from "./local-journal.ts";
import { localStepsOf } from "./local-steps.ts";

/**
 * Where the host does not know which version its files match, notes the version of this build, if the host was declared
 * `fresh` or if no local step leads up to it.
 */
export async function settleHostVersion(world: ParticipantWorld): Promise<void> {
  const { localJournal, version, fresh, role, steps, log } = world;
  if ((await localJournal.stepsVersion()) !== undefined) return;
  const missed = localStepsOf(steps, beforeAllVersions, version, role);
  if (!fresh && missed.length > 0) return;
  await localJournal.setStepsVersion(version, { isDeclared: missed.length > 0 });
  if (missed.length > 0) {
    // Each line of this log has the version of the process already.
    const skipped = missed.map(({ name }) => name);
    log.info(
      { skipped },
      "this host was declared fresh, so it runs no local step of an earlier version",
    );
  }
}

/**
 * True where the local files are where an upgrade starts. An agent that missed an earlier upgrade takes no part in the
 * next one, whose steps do not begin there, and follows it when it is committed. A host that does not know its version
 * runs the local steps of all versions, and one whose files match the new version already runs none.
 */
export async function isWhereItStarts(
  world: ParticipantWorld,
  { from, to }: Pick<ParticipantInput, "from" | "to">,
): Promise<boolean> {
  const stepsVersion = await world.localJournal.stepsVersion();
  if (stepsVersion === from) return true;
  if (stepsVersion === undefined) return [from, to].includes(world.version);
  return stepsVersion === to && world.version === to;
}

/**
 * An agent that missed an upgrade follows it: forward only, since it is committed.
 * @returns whether it does from now on
 */
export async function follow(
  world: ParticipantWorld,
  versions: Versions,
  mine: readonly Entry[],
): Promise<boolean> {
  const stepsVersion = await world.localJournal.stepsVersion();
  const from = stepsVersion ?? world.version;
  if (from === versions.agentVersion && world.version === versions.agentVersion) return false;
  const committed = (await world.store.tails(coordinatorPrefix)).findLast(
    (tail) => tail.state === "done" && contextOf<UpgradeContext>(tail).to === versions.agentVersion,
  );
  if (!committed) return false;
  const { upgradeId, to } = contextOf<UpgradeContext>(committed);
  if (mine.some(({ actor }) => actor === participantId(world.agent, upgradeId))) return false;
  world.log.info({ upgradeId, from, to }, "this agent missed an upgrade and follows it");
  await ensureParticipant(world, { upgradeId, from, to }, committed);
  return true;
}

/**
 * A host whose files match an earlier version, and that has no upgrade left to follow, runs the local steps up to the
 * fleet's version before its gate opens. One that does not know its version runs those of all versions.
 * @returns whether it does from now on
 */
export async function provision(world: ParticipantWorld, versions: Versions): Promise<boolean> {
  const { localJournal, incarnation, log } = world;
  const to = versions.agentVersion;
  const stepsVersion = await localJournal.stepsVersion();
  if (stepsVersion !== undefined && !lt(stepsVersion, to)) return false;
  log.warn(
    { from: stepsVersion ?? "unknown", to },
    "the files of this host do not match the fleet's version, so it runs the local steps that lead there: start a host with `fresh: true` where it was provisioned at its version",
  );
  const upgradeId = provisionId(incarnation);
  const input = { upgradeId, from: stepsVersion ?? beforeAllVersions, to };
  await ensureParticipant(world, input, { protocol });
  return true;
}

/**
 * Why this agent, which has no part in the upgrade under way, can take none: its files do not match its build. Null
 * where they do.
 */
export async function whyNoPart(
  { version, localJournal }: ParticipantWorld,
  upgradeId: string,
): Promise<string | null> {
  const stepsVersion = await localJournal.stepsVersion();
  if (stepsVersion === version) return null;
  return `the files of this host match ${stepsVersion ?? "no known version"}, and its process is ${version}, so it takes no part in ${upgradeId}: wait for the end of that upgrade`;
}

/**
 * A launcher may fall back after the end of an upgrade, too: an agent at rest on another version than
 * the fleet's goes there, or says why it cannot.
 * @param takeRetry takes an operator's request, once it has been followed; null where there is none
 * @returns why it is stuck, or null
 */
export async function returnToFleetVersion(
  world: ParticipantWorld,
  versions: Versions,
  takeRetry: (() => Promise<void>) | null,
): Promise<string | null> {
  const { version, startable, cannotStart } = world;
  const fleetVersion = versions.agentVersion;
  const stepsVersion = await world.localJournal.stepsVersion();
  if (stepsVersion !== undefined && stepsVersion !== fleetVersion) {
    return `the local steps of this host are those of ${stepsVersion}, the fleet is on ${fleetVersion}, and no upgrade that leads there is left to follow: put its files right, and start it with an empty data directory`;
  }
  if (version === fleetVersion) return null;
  if (!startable.includes(fleetVersion)) return notInstalled(fleetVersion, startable);
  const fellBack = cannotStart !== null && cannotStart.details["version"] === fleetVersion;
  if (fellBack && takeRetry === null) return cannotStart.message;
  await world.writeWantedVersion(fleetVersion);
  try {
    await takeRetry?.();
  } finally {
    world.leave();
  }
  return null;
}
