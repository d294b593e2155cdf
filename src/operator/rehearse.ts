import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { MongoClient } from "mongodb";
import { valid } from "semver";
import { noVersionError, readVersions, requireSemver } from "../control/versions.ts";
import { createBackup } from "../database/backup/backup.ts";
import type { SchemaRunOptions } from "../database/migration/runner.ts";
import type { StepsResult } from "../database/migration/schema-steps.ts";
import { runStepsWithDeadline } from "../database/migration/steps-with-deadline.ts";
import { assert, LockstepError } from "../errors.ts";
import type { Store } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { differences, readCatalogue } from "../mongo/catalogue/catalogue.ts";
import type { WithMember } from "../mongo/members.ts";
import { databaseSize, occupied } from "../mongo/requirements/space.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import type { Random } from "../ports/random.ts";
import { planOf, type Step } from "../upgrade/protocol/steps.ts";

export interface Rehearsal {
  readonly from: string;
  readonly to: string;
  readonly result: StepsResult;
  /** What the steps changed of the definitions, in words. */
  readonly changes: readonly string[];
  /** How much more room the copy took after them. */
  readonly growthBytes: number;
}

/**
 * Runs the schema steps of a version on a proven copy of the live database, while the fleet runs on:
 * a scratch database and a folder of its own, which is deleted afterwards.
 * @throws LockstepError `no-version`, `upgrade-active`, `version-not-semver`, and what a backup throws
 */
export async function rehearse(options: {
  client: MongoClient;
  withMember: WithMember;
  store: Store;
  databaseName: string;
  controlDatabaseName: string;
  steps: readonly Step[];
  to: string;
  root: string;
  random: Random;
  /** Hears of bytes that are dumped, and again when they are loaded. */
  onBytes?(bytes: number): void;
  signal: AbortSignal;
  faultPoints: FaultPoints;
  clock: Clock;
  log: Log;
}): Promise<Rehearsal> {
  const { client, withMember, databaseName, to, root, signal, faultPoints, clock, log } = options;
  requireSemver(to);
  const versions = await readVersions(options.store);
  if (!versions) throw noVersionError();
  const from = versions.databaseVersion;
  if (versions.upgrade !== null || valid(from) === null) {
    throw new LockstepError(
      "upgrade-active",
      `an upgrade to ${versions.agentVersion} holds the slot: it has a rehearsal of its own`,
    );
  }
  const { schema } = planOf(options.steps, from, to);
  const backupId = `rehearsal-${options.random.hex(4)}`;
  const control = { client, databaseName: options.controlDatabaseName };
  let rehearsal: Rehearsal | undefined;
  try {
    await createBackup({
      ...{ client, withMember, databaseName, control, root, backupId, version: from, clock },
      ...{ signal, faultPoints, log, ...(options.onBytes ? { onBytes: options.onBytes } : {}) },
      purpose: `a rehearsal of ${to}`,
      async inScratch(manifest, { name, fenced }) {
        const sizeBefore = occupied(await databaseSize(client, name));
        const steps: SchemaRunOptions = {
          // At the fence of the scratch database: it must neither hold nor move the fleet's.
          ...{ ...fenced, databaseName: name, steps: schema, upgrade: backupId },
          ...{ progressField: "rehearsal", holder: "rehearsal:1", isDead: async () => false },
          ...{ now: new Date(await options.store.now()), log },
        };
        const result = await runStepsWithDeadline(steps, limits.noProgressDeadlineMs, clock);
        const before = { collections: manifest.collections };
        const after = await readCatalogue(client, name);
        const changes = differences(before, after, { ignoreUuid: true });
        const grownBytes = occupied(await databaseSize(client, name)) - sizeBefore;
        rehearsal = { from, to, result, changes, growthBytes: Math.max(0, grownBytes) };
      },
    });
  } finally {
    await rm(join(root, backupId), { recursive: true, force: true });
  }
  assert(rehearsal, "a backup that was made was rehearsed on");
  return rehearsal;
}
