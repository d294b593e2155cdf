import { createHash } from "node:crypto";
import { join } from "node:path";

/** The role that owns the coordinators. */
export const masterRole = "master";

export const coordinatorPrefix = "upgrade/";

/** The coordinator's actor id. */
export function coordinatorId(upgradeId: string): string {
  return `${coordinatorPrefix}${upgradeId}`;
}

/** The id of the upgrade that a coordinator's actor leads. */
export function upgradeOfCoordinator(actor: string): string {
  return actor.slice(coordinatorPrefix.length);
}

/** The ids of all participants start with this. */
export const participantsPrefix = "participant/";

/** The ids of all participants of an agent start with this. */
export function participantPrefix(agent: string): string {
  return `${participantsPrefix}${agent}/`;
}

/** The participant's actor id. */
export function participantId(agent: string, upgradeId: string): string {
  return `${participantPrefix(agent)}${upgradeId}`;
}

/** The id of the upgrade whose acceptance makes this generation. */
export function upgradeIdOf(generation: number): string {
  return `u${String(generation).padStart(6, "0")}`;
}

/** The generation in an upgrade's id. */
export function generationOf(upgradeId: string): number {
  return Number(upgradeId.slice(1));
}

/** True for the id of an upgrade. */
export function isUpgradeId(name: string): boolean {
  return /^u\d{6,}$/.test(name);
}

const provisionPrefix = "provision-";

/** The id of the part in which an agent brings the files of its host to the fleet's version, outside of an upgrade. */
export function provisionId(incarnation: number): string {
  return `${provisionPrefix}${incarnation}`;
}

/** True for the id of such a part. */
export function isProvision(upgradeId: string): boolean {
  return upgradeId.startsWith(provisionPrefix);
}

/** The folder of an agent's copies. */
export function backupsDirectory(dataDirectory: string): string {
  return join(dataDirectory, "backups");
}

/** The folder of an agent's copy for an upgrade. */
export function backupDirectory(dataDirectory: string, upgradeId: string): string {
  return join(backupsDirectory(dataDirectory), upgradeId);
}

/** The folder of the documents that one attempt of a restore has saved. The id is that of its effect. */
export function savedDirectory(dataDirectory: string, effectId: string): string {
  const [upgradeId = "", revision = ""] = effectId.slice(coordinatorPrefix.length).split("/");
  return join(dataDirectory, "saved", `${upgradeId}-${revision}`);
}

/**
 * The names of the connections of an agent's process at the server, and a condition on those of its earlier
 * processes.
 */
export function connectionNames(controlDatabase: string, agent: string, nonce: string) {
  const fleet = createHash("sha256").update(controlDatabase).digest("hex").slice(0, 8);
  const prefix = `lockstep:${fleet}:${agent}:`;
  return { own: `${prefix}${nonce}`, earlier: { $regex: `^${prefix}(?!${nonce})` } };
}
