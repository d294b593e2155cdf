import type { MongoClient } from "mongodb";
import { isLockstepError, LockstepError, messageOf } from "../../errors.ts";
import { collections } from "../../journal/store.ts";
import {
  type Claim,
  claimText,
  isOver,
  readClaims,
  type SeenClaim,
  takeClaim,
} from "../../leadership/claims.ts";
import type { Fenced } from "../../leadership/fenced-transaction.ts";
import { type Control, fencesOf, readFence } from "../../leadership/fences.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { scratchDatabaseNames } from "../../mongo/database-names.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { createClaimed, emptyDatabase } from "./claimed-database.ts";
import type { LoadTarget } from "./load/load.ts";

export interface ScratchOptions {
  readonly client: MongoClient;
  /** The fleet's control database. Its name is part of the names of its scratch databases. */
  readonly control: Control;
  /** Its purpose, in words. */
  readonly purpose: string;
  /**
   * The fence of the master that takes it. Its claim lasts until a successor raises the fence. A command has none.
   */
  readonly fenced?: Fenced;
  readonly signal: AbortSignal;
  readonly faultPoints: FaultPoints;
  readonly clock: Clock;
  readonly log: Log;
}

/** An empty database that is claimed for one piece of work. */
export interface Scratch {
  readonly name: string;
  /** The means of loading a backup. */
  readonly target: Omit<LoadTarget, "onBytes" | "holdExpiry" | "isFresh">;
  /** The fence of this database, raised for this claim. Schema steps of a rehearsal by hand run at it. */
  readonly fenced: Fenced;
  /** Empties it again. */
  empty(): Promise<void>;
}

/** Masters up to this epoch are deposed. A master knows that every other one is deposed up to its own epoch. */
async function deposedEpoch({ control, fenced }: ScratchOptions): Promise<number> {
  if (fenced) return fenced.mastership.epoch;
  return ((await readFence(control))?.epoch ?? 0) - 1;
}

/** Raises the fence of a claimed database, so that steps of an earlier owner commit nothing more there. */
async function occupy(options: ScratchOptions, claim: Claim): Promise<Scratch> {
  const { client, control, faultPoints } = options;
  const raised = await faultPoints.write("claim-fence", () =>
    fencesOf(control).findOneAndUpdate(
      { _id: claim.name },
      { $inc: { epoch: 1, sequence: 1 }, $unset: { rehearsal: "" } },
      {
        upsert: true,
        returnDocument: "after",
        writeConcern: { w: "majority", journal: true },
      },
    ),
  );
  const signal = AbortSignal.any([options.signal, claim.signal]);
  const epoch = Number(raised?.["epoch"]);
  const fence = { collection: collections.fences, id: claim.name, expect: { epoch } };
  const database = { client, claim, signal, faultPoints, clock: options.clock };
  const scratch: Scratch = {
    name: claim.name,
    target: {
      ...{ client, databaseName: claim.name, signal, faultPoints, clock: options.clock },
      create: (command, type) => createClaimed(database, command, type),
    },
    fenced: {
      ...{ client, signal, faultPoints, clock: options.clock },
      control: { client, databaseName: control.databaseName, fenceId: claim.name },
      mastership: { epoch, signal, fence },
    },
    empty: () => emptyDatabase(database),
  };
  await scratch.empty();
  return scratch;
}

async function claimOne(
  options: ScratchOptions,
  name: string,
  seen: SeenClaim | undefined,
): Promise<Claim | null> {
  const { control } = options;
  return takeClaim({ ...options, name, fleet: control.databaseName }, seen);
}

/** Empties and frees one scratch database. Returns false where another process was first. */
async function clearOne(options: ScratchOptions, seen: SeenClaim): Promise<boolean> {
  const claim = await claimOne(options, seen.name, seen);
  if (claim === null) return false;
  try {
    await occupy(options, claim);
    await claim.release();
    return true;
  } catch (error) {
    // A claim that is renewed for ever would keep its process alive, and block the database.
    claim.abandon();
    throw error;
  }
}

/**
 * Empties and frees the scratch databases whose owners are proven dead: a deposed master, or a command whose lease
 * has run out.
 * @returns their names
 */
export async function clearScratch(options: ScratchOptions): Promise<readonly string[]> {
  const { client, control, log } = options;
  const pool = scratchDatabaseNames(control.databaseName);
  const deposed = await deposedEpoch(options);
  const cleared: string[] = [];
  for (const seen of await readClaims(client, pool)) {
    if (!isOver(seen, control.databaseName, deposed)) continue;
    try {
      if (!(await clearOne(options, seen))) continue;
      cleared.push(seen.name);
      log.info(
        { claim: seen.name, why: claimText(seen) },
        "an abandoned scratch database is cleared",
      );
    } catch (error) {
      // Another process is clearing it.
      if (!isLockstepError(error, "conflict")) throw error;
    }
  }
  return cleared;
}

/**
 * Claims a free scratch database of the fleet. It prefers one that nobody has left a moment ago, as a process that
 * slept may wake up in it.
 * @throws LockstepError `conflict` where all are taken
 */
async function takeScratch(options: ScratchOptions): Promise<Claim> {
  const { client, control } = options;
  const pool = scratchDatabaseNames(control.databaseName);
  const cleared = await clearScratch(options);
  for (const name of [...pool.filter((each) => !cleared.includes(each)), ...cleared]) {
    const claim = await claimOne(options, name, undefined);
    if (claim !== null) return claim;
  }
  const claims = await readClaims(client, pool);
  throw new LockstepError(
    "conflict",
    `expected a free scratch database, all ${pool.length} of the fleet are claimed: ${claims.map(claimText).join("; ")}: wait until one of these has ended; the claim of a process that was killed ends within ${limits.claimTtlMs / 1000} s`,
    { claims: claims.map(claimText) },
  );
}

/**
 * Empties and frees a scratch database. Where it is unreachable the claim stays, and the next process that needs a
 * scratch database clears it.
 * @throws LockstepError `conflict` where another process had the claim: the work does not count then
 */
async function free({ log }: ScratchOptions, scratch: Scratch, claim: Claim): Promise<void> {
  try {
    await scratch.empty();
    await claim.release();
  } catch (error) {
    claim.abandon();
    if (isLockstepError(error, "conflict")) throw error;
    log.warn(
      { claim: claim.name, error: messageOf(error) },
      "a scratch database could not be freed",
    );
  }
}

/**
 * Works in an empty scratch database, then empties and frees it.
 * @throws LockstepError `conflict` where all are taken, or the claim was lost
 */
export async function withScratch<Result>(
  options: ScratchOptions,
  act: (scratch: Scratch) => Promise<Result>,
): Promise<Result> {
  const claim = await takeScratch(options);
  let scratch: Scratch | undefined;
  let result: Result;
  try {
    scratch = await occupy(options, claim);
    result = await act(scratch);
  } catch (error) {
    // A master that fails may be deposed. It leaves at once, and the present master clears the database.
    if (options.fenced || !scratch) claim.abandon();
    else {
      await free(options, scratch, claim).catch((left: unknown) => {
        // Another process has cleared this work away: neither the copy nor the step has a fault.
        if (isLockstepError(left, "conflict") && isLockstepError(error)) throw left;
      });
    }
    throw error;
  }
  await free(options, scratch, claim);
  return result;
}
