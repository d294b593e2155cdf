import { createHash } from "node:crypto";
import { join } from "node:path";

/** The role that coordinators follow. */
export const masterRole = "master";

export const coordinatorPrefix = "upgrade/";

/** The coordinator's actor id. */
export function coordinatorId(upgrade: string): string {
  return `${coordinatorPrefix}${upgrade}`;
}

/** Every participant starts with this. */
export const participantsPrefix = "agent/";

/** All participants of an agent start with this. */
export function participantPrefix(agent: string): string {
  return `${participantsPrefix}${agent}/`;
}

/** The participant's actor id. */
export function participantId(agent: string, upgrade: string): string {
  return `${participantPrefix(agent)}${upgrade}`;
}

/** The upgrade's id, from the generation that its acceptance makes. */
export function upgradeId(generation: number): string {
  return `u${String(generation).padStart(6, "0")}`;
}

/** The generation of what `upgradeId` makes. */
export function generationOf(upgrade: string): number {
  return Number(upgrade.slice(1));
}

/** True for what `upgradeId` makes. */
export function isUpgradeId(name: string): boolean {
  return /^u\d{6,}$/.test(name);
}

/** Where an agent keeps its copies. */
export function backupsDirectory(dataDirectory: string): string {
  return join(dataDirectory, "backups");
}

/** Where an agent keeps its copy for an upgrade. */
export function backupDirectory(dataDirectory: string, upgrade: string): string {
  return join(backupsDirectory(dataDirectory), upgrade);
}

/** What the connections of an agent's processes are called at the server: its next process ends them. */
export function connectionNames(controlDatabase: string, agent: string, nonce: string) {
  const fleet = createHash("sha256").update(controlDatabase).digest("hex").slice(0, 8);
  const prefix = `lockstep:${fleet}:${agent}:`;
  return { own: `${prefix}${nonce}`, earlier: { $regex: `^${prefix}(?!${nonce})` } };
}
