import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { MongoClient } from "mongodb";
import { valid } from "semver";
import { createBackup } from "../database/backup.ts";
import { differences, readCatalogue } from "../database/catalogue.ts";
import type { WithMember } from "../database/members.ts";
import type { RunOptions } from "../database/runner.ts";
import type { StepsResult } from "../database/schema-steps.ts";
import { databaseSize, occupied } from "../database/space.ts";
import { runStepsWithDeadline } from "../database/steps-with-deadline.ts";
import { assert, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { systemClock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Seam } from "../ports/seam.ts";
import { collections, documentIds, type Store } from "../store/store.ts";
import { planOf, type Step } from "./steps.ts";
import { noVersionError, readVersions, requireSemver } from "./versions.ts";

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
 * a database, a fence and a folder of its own, all of which go afterwards.
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
  seam: Seam;
  log: Log;
}): Promise<Rehearsal> {
  const { client, withMember, databaseName, to, root, signal, seam, log } = options;
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
  const suffix = options.random.hex(4);
  const scratch = `${databaseName}_lockstep_rehearsal_${suffix}`;
  assert(Buffer.byteLength(scratch) <= 63, "the rehearsal's database name fits", { scratch });
  // A fence of its own: a rehearsal beside the fleet must neither hold nor move the fleet's.
  const control = { client, databaseName: `${options.controlDatabaseName}_${suffix}` };
  const backupId = `rehearsal-${suffix}`;
  const epoch = 1;
  let rehearsal: Rehearsal | undefined;
  try {
    await client
      .db(control.databaseName)
      .collection<{ _id: string; epoch: number; sequence: number }>(collections.fences)
      .insertOne({ _id: documentIds.master, epoch, sequence: 0 });
    await createBackup({
      holdsIn: { client, databaseName: options.controlDatabaseName },
      ...{ client, withMember, databaseName, control, root, backupId, version: from, scratch },
      ...{ signal, seam, log, ...(options.onBytes ? { onBytes: options.onBytes } : {}) },
      async inScratch(manifest) {
        const fence = {
          collection: collections.fences,
          id: documentIds.master,
          expect: { epoch },
        };
        const sizeBefore = occupied(await databaseSize(client, scratch));
        const steps: RunOptions = {
          ...{ client, databaseName: scratch, control, steps: schema, upgrade: backupId },
          ...{ progressField: "rehearsal", holder: "rehearsal:1", isDead: async () => false },
          ...{ now: new Date(await options.store.now()), signal, seam, log },
          mastership: { epoch, signal, fence },
        };
        const result = await runStepsWithDeadline(steps, limits.noProgressDeadlineMs, systemClock);
        const before = { collections: manifest.collections };
        const after = await readCatalogue(client, scratch);
        const changes = differences(before, after, { ignoreUuid: true });
        const grownBytes = occupied(await databaseSize(client, scratch)) - sizeBefore;
        rehearsal = { from, to, result, changes, growthBytes: Math.max(0, grownBytes) };
      },
    });
  } finally {
    await client.db(control.databaseName).dropDatabase();
    await rm(join(root, backupId), { recursive: true, force: true });
  }
  assert(rehearsal, "a backup that was made was rehearsed on");
  return rehearsal;
}
