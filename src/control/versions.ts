import { valid } from "semver";
import { LockstepError } from "../errors.ts";
import { requireRecord } from "../journal/control-records.ts";
import {
  collections,
  documentIds,
  type Store,
  type Versions,
  type Write,
} from "../journal/store.ts";
import { generationOf, upgradeId } from "./names.ts";

/** A value that equals no version: while it stands, no gate opens. */
export function inTransition(from: string, to: string, upgrade: string): string {
  return `${from}>${to}#${upgrade}`;
}

const document = { collection: collections.versions, id: documentIds.versions } as const;

/** Transaction one. */
export function acceptWrite(from: string, to: string, upgrade: string): Write {
  return {
    ...document,
    expect: {
      agentVersion: from,
      databaseVersion: from,
      upgrade: null,
      generation: generationOf(upgrade) - 1,
    },
    set: { agentVersion: to, databaseVersion: inTransition(from, to, upgrade), upgrade },
    increment: { generation: 1 },
  };
}

/** Transaction two. */
export function turnBackWrite(from: string, to: string, upgrade: string): Write {
  return {
    ...document,
    expect: { databaseVersion: inTransition(from, to, upgrade), upgrade },
    set: { agentVersion: from },
  };
}

/** Transaction three: the commit point. */
export function commitWrite(from: string, to: string, upgrade: string): Write {
  return {
    ...document,
    expect: { agentVersion: to, databaseVersion: inTransition(from, to, upgrade), upgrade },
    set: { databaseVersion: to, upgrade: null },
  };
}

/** Transaction four: the end of the roll-back, with what absent agents still owe. */
export function endRollBackWrites(
  from: string,
  to: string,
  upgrade: string,
  debtors: readonly string[],
): readonly Write[] {
  return [
    {
      ...document,
      expect: { agentVersion: from, databaseVersion: inTransition(from, to, upgrade), upgrade },
      set: { databaseVersion: from, upgrade: null },
      increment: { generation: 1 },
    },
    ...debtors.map((agent) => ({
      collection: collections.agents,
      id: agent,
      expect: {},
      set: { owes: upgrade },
    })),
  ];
}

/** The id that the next accepted upgrade will have. */
export function nextUpgradeId(versions: Versions): string {
  return upgradeId(versions.generation + 1);
}

/**
 * The versions document, or undefined where nobody has declared a version.
 * @throws LockstepError `record-broken`
 */
export async function readVersions(store: Store): Promise<Versions | undefined> {
  const found = await store.get(collections.versions, documentIds.versions);
  if (found === undefined) return undefined;
  requireRecord(collections.versions, documentIds.versions, found);
  return found as unknown as Versions;
}

/**
 * Refuses to go on where a record that a master relies on is broken, before anything is asked of a master.
 * @throws LockstepError `record-broken`
 */
export async function requireRecords(store: Store): Promise<void> {
  await readVersions(store);
  for (const collection of [collections.leases, collections.fences]) {
    const found = await store.get(collection, documentIds.master);
    // There is none before the first master.
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
 * Declares the version of a fleet, insert-only.
 * @throws LockstepError `version-not-semver`, `version-exists` when another version is declared
 */
export async function initializeVersions(store: Store, version: string): Promise<Versions> {
  requireSemver(version);
  await store.write([
    {
      ...document,
      expect: null,
      set: { agentVersion: version, databaseVersion: version, upgrade: null, generation: 1 },
    },
  ]);
  const versions = await readVersions(store);
  if (!versions) throw noVersionError();
  if (versions.agentVersion !== version || versions.upgrade !== null) {
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

/** Why an agent does not change to a version: what its launcher can start is read when the agent starts. */
export function notInstalled(version: string): string {
  return `${version} cannot be started on this host: install it, then restart this agent`;
}
