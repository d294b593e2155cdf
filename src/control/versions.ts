import { valid } from "semver";
import { LockstepError } from "../errors.ts";
import { requireRecord } from "../journal/broken-record.ts";
import {
  collections,
  documentIds,
  type Store,
  type Versions,
  type Write,
} from "../journal/store.ts";
import { generationOf, upgradeIdOf } from "./ids.ts";

/** The database version in transition. It equals no version, so no gate opens while it stands. */
export function inTransition(from: string, to: string, upgradeId: string): string {
  return `${from}>${to}#${upgradeId}`;
}

const document = { collection: collections.versions, id: documentIds.versions } as const;

/** Transaction one: an upgrade is accepted. */
export function acceptWrite(from: string, to: string, upgradeId: string): Write {
  return {
    ...document,
    expect: {
      agentVersion: from,
      databaseVersion: from,
      upgradeId: null,
      generation: generationOf(upgradeId) - 1,
    },
    set: { agentVersion: to, databaseVersion: inTransition(from, to, upgradeId), upgradeId },
    increment: { generation: 1 },
  };
}

/** Transaction two: the fleet turns back. */
export function turnBackWrite(from: string, to: string, upgradeId: string): Write {
  return {
    ...document,
    expect: { databaseVersion: inTransition(from, to, upgradeId), upgradeId },
    set: { agentVersion: from },
  };
}

/** Transaction three: the commit point. */
export function commitWrite(from: string, to: string, upgradeId: string): Write {
  return {
    ...document,
    expect: { agentVersion: to, databaseVersion: inTransition(from, to, upgradeId), upgradeId },
    set: { databaseVersion: to, upgradeId: null },
  };
}

/** Transaction four: the end of the roll-back. It notes which absent agents owe an undo. */
export function endRollBackWrites(
  from: string,
  to: string,
  upgradeId: string,
  debtors: readonly string[],
): readonly Write[] {
  return [
    {
      ...document,
      expect: { agentVersion: from, databaseVersion: inTransition(from, to, upgradeId), upgradeId },
      set: { databaseVersion: from, upgradeId: null },
      increment: { generation: 1 },
    },
    ...debtors.map((agent) => ({
      collection: collections.agents,
      id: agent,
      expect: {},
      set: { owes: upgradeId },
    })),
  ];
}

/** The id that the next accepted upgrade will have. */
export function nextUpgradeId(versions: Versions): string {
  return upgradeIdOf(versions.generation + 1);
}

/**
 * The versions document, or undefined where nobody has declared a version.
 * @throws LockstepError `record-broken`
 */
export async function readVersions(store: Store): Promise<Versions | undefined> {
  const found = await store.get(collections.versions, documentIds.versions);
  if (found === undefined) return undefined;
  requireRecord(collections.versions, documentIds.versions, found);
  // The document counts the openings of gates, too.
  const { agentVersion, databaseVersion, upgradeId, generation } = found as unknown as Versions;
  return { agentVersion, databaseVersion, upgradeId, generation };
}

/**
 * Refuses to go on where a record is broken on which a master relies, before anything is asked of a master.
 * @throws LockstepError `record-broken`
 */
export async function requireRecords(store: Store): Promise<void> {
  await readVersions(store);
  for (const collection of [collections.leases, collections.fences]) {
    const found = await store.get(collection, documentIds.master);
    // Before the first master there is no such record.
    if (found !== undefined) requireRecord(collection, documentIds.master, found);
  }
}

/** The error of a fleet without a version. */
export function noVersionError(): LockstepError {
  return new LockstepError(
    "no-version",
    "no version is declared for this fleet: run `lockstep init VERSION` once",
  );
}

/**
 * Declares the version of a fleet. It only inserts.
 * @throws LockstepError `version-not-semver`, `version-exists` when another version is declared
 */
export async function initializeVersions(store: Store, version: string): Promise<Versions> {
  requireSemver(version);
  await store.write([
    {
      ...document,
      expect: null,
      set: { agentVersion: version, databaseVersion: version, upgradeId: null, generation: 1 },
    },
  ]);
  const versions = await readVersions(store);
  if (!versions) throw noVersionError();
  if (versions.agentVersion !== version || versions.upgradeId !== null) {
    throw new LockstepError(
      "version-exists",
      `expected a fleet without a version, got one on ${versions.agentVersion}: use \`lockstep upgrade\` to change it`,
      { ...versions },
    );
  }
  return versions;
}

/** @throws LockstepError `version-not-semver` */
export function requireSemver(version: string): void {
  if (valid(version) !== version) {
    throw new LockstepError(
      "version-not-semver",
      `expected a semantic version like 1.2.3, got "${version}"`,
      { version },
    );
  }
}

/** Why an agent does not change to a version. An agent reads at its start what its launcher can start. */
export function notInstalled(version: string, startable: readonly string[]): string {
  if (startable.length === 0) {
    return `this agent runs without a launcher, so it cannot become ${version}: start the build of ${version} here, under \`lockstep-launcher\``;
  }
  return `${version} cannot be started on this host: install it, and list it in the versions file of its launcher`;
}
