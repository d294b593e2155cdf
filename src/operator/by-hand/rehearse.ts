import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { MongoClient } from "mongodb";
import { lte, valid } from "semver";

import { requireSemver } from "../../control/versions.ts";
import { createBackup } from "../../database/backup/backup.ts";
import { dataDatabase } from "../../database/data-database.ts";
import type { StepsEnd } from "../../database/migration/run-steps.ts";
import type { StepsRun } from "../../database/migration/runner.ts";
import { rehearseSteps } from "../../database/rehearsal/rehearse-steps.ts";
import { assert, LockstepError } from "../../errors.ts";
import type { Store, Versions } from "../../journal/store.ts";
import { controlOf } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { differences } from "../../mongo/catalogue/catalogue.ts";
import type { WithMember } from "../../mongo/members.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import type { Random } from "../../ports/random.ts";
import { planOf, type Step } from "../../upgrade/protocol/steps.ts";
import { requireDeclared } from "../declared.ts";

export interface Rehearsal {
  readonly from: string;
  readonly to: string;
  readonly result: StepsEnd;
  /** The changes of the definitions, in words. */
  readonly changes: readonly string[];
  /** By how many bytes the copy grew. */
  readonly growthBytes: number;
}

/**
 * The version from which a rehearsal starts. Pure.
 * @throws LockstepError `version-not-semver`, `upgrade-active`, `version-not-higher`
 */
export function rehearsedFrom(versions: Versions, to: string): string {
  requireSemver(to);
  const from = versions.databaseVersion;
  if (versions.upgradeId !== null || valid(from) === null) {
    throw new LockstepError(
      "upgrade-active",
      `an upgrade to ${versions.agentVersion} is active, and has a rehearsal of its own: wait for its end`,
    );
  }
  if (lte(to, from)) {
    throw new LockstepError(
      "version-not-higher",
      `expected a version higher than ${from}, on which the fleet is, got ${to}, to which no step leads: name the version that you want to rehearse`,
      { from, to },
    );
  }
  return from;
}

/**
 * Runs the schema steps of a version on a proven copy of the live database, while the fleet runs on:
 * a scratch database and a folder of its own, which is deleted afterwards. Where no schema step lies between, it copies
 * nothing.
 * @throws LockstepError `no-version`, those of `rehearsedFrom`, and what a backup throws
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
  const from = rehearsedFrom(await requireDeclared(options), to);
  const { schema } = planOf(options.steps, from, to);
  if (schema.length === 0) {
    const result = { kind: "done", batches: 0, documents: 0, figures: [] } as const;
    return { from, to, result, changes: [], growthBytes: 0 };
  }
  const backupId = `rehearsal-${options.random.hex(4)}`;
  const control = controlOf(options);
  let rehearsal: Rehearsal | undefined;
  try {
    await createBackup({
      ...{ client, withMember, databaseName, control, root, backupId, version: from, clock },
      ...{ signal, faultPoints, log, ...(options.onBytes ? { onBytes: options.onBytes } : {}) },
      purpose: `a rehearsal of ${to}`,
      async inScratch(manifest, { name, fenced }) {
        // At the fence of the scratch database: it must neither hold nor move the fleet's.
        const { control: scratchControl, mastership, signal: stopping } = fenced;
        const scratch = dataDatabase(
          { client, withMember, control: scratchControl, faultPoints },
          name,
          "rehearsal",
        );
        const run: StepsRun = {
          ...{ steps: schema, upgradeId: backupId, mastership, signal: stopping, clock, log },
          ...{ holder: "rehearsal:1", isDead: async () => false },
          now: new Date(await options.store.now()),
        };
        const { catalogue, ...rehearsed } = await rehearseSteps(
          scratch,
          run,
          limits.noProgressDeadlineMs,
        );
        const before = { collections: manifest.collections };
        const changes = differences(before, catalogue, { ignoreUuid: true });
        rehearsal = { from, to, changes, ...rehearsed };
      },
    });
  } finally {
    await rm(join(root, backupId), { recursive: true, force: true });
  }
  assert(rehearsal, "a backup that was made was rehearsed on");
  return rehearsal;
}
