import type { Document, MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { type Control, fencesOf, readHeld } from "../../leadership/fences.ts";
import { majority } from "../../mongo/majority.ts";
import { readPrivileges } from "../../mongo/requirements/rights.ts";
import { settle } from "../../mongo/settle.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";
import { holderName, isHolderOf, setRecords } from "./member-hold.ts";

export interface WriteBlock {
  readonly client: MongoClient;
  readonly control: Control;
  readonly faultPoints: FaultPoints;
}

const needed = ["setUserWriteBlockMode", "bypassWriteBlockingMode"] as const;
/** `serverStatus.repl.userWriteBlockMode` of a set that refuses its users' writes. */
const blockedMode = 2;

/**
 * Refuses to block writers where the block would stop nobody, or this process too.
 * @throws LockstepError `bad-argument`
 */
export async function checkWriteBlock(client: MongoClient): Promise<void> {
  const privileges = await readPrivileges(client);
  const missing = needed.filter(
    (action) => !privileges.some(({ actions }) => actions.includes(action)),
  );
  if (missing.length === 0) return;
  throw new LockstepError(
    "bad-argument",
    `preventForeignWrites expects a user with ${needed.join(" and ")}, this one lacks ${missing.join(" and ")}: grant them, or leave the option out`,
    { missing },
  );
}

async function setMode({ client }: WriteBlock, global: boolean): Promise<void> {
  await client.db("admin").command({ setUserWriteBlockMode: 1, global });
}

/** The names of all upgrades, of any fleet, that shut out the writers of the set. */
export async function readBlockHolders(client: MongoClient): Promise<readonly string[]> {
  return (await readHeld(setRecords(client), documentIds.writeBlocks))?.holders ?? [];
}

async function isHeld({ client }: WriteBlock): Promise<boolean> {
  return (await readBlockHolders(client)).length > 0;
}

function settleMode(block: WriteBlock): Promise<void> {
  return settle(
    () => isHeld(block),
    (held) => setMode(block, held),
  );
}

/** True where the set refuses writes of its users, whatever the cause. It needs the right `serverStatus`. */
export async function isSetBlocked(client: MongoClient): Promise<boolean> {
  const { repl } = await client.db("admin").command({ serverStatus: 1 });
  return Number(repl?.userWriteBlockMode) === blockedMode;
}

/**
 * Blocks every writer without `bypassWriteBlockingMode`, in the whole cluster. The record of the block is written
 * first, so a block that an operator has set stays afterwards. A deposed master blocks nobody, however late it acts.
 * @param holder the effect that asks for it: the same on each attempt, another one for another upgrade
 * @throws LockstepError `fenced`
 */
export async function blockWrites(block: WriteBlock & Fenced, holder: string): Promise<void> {
  const { client, control } = block;
  if (!(await isHeld(block)) && (await isSetBlocked(client))) return;
  const name = holderName(control.databaseName, holder);
  await block.faultPoints.write("write-block", async () => {
    await writeFenced(block, async (session) => {
      const options = { upsert: true, session };
      // The fleet's own record keeps its gates shut.
      const own = { _id: documentIds.writeBlock };
      await fencesOf(control).updateOne(own, { $set: { holder } }, options);
      const all = { _id: documentIds.writeBlocks };
      await fencesOf(setRecords(client)).updateOne(all, { $addToSet: { holders: name } }, options);
    });
    await settleMode(block);
  });
}

/**
 * Ends this fleet's block of writers, and lets them in where no other fleet blocks them. A block that is gone is a success.
 * @param isWanted is asked once the holders are known, so that a later upgrade's block stays
 * @param evenIfUnknown also lifts a block without a record, and those of other fleets: an operator asks for that
 * @returns whether this fleet blocks nobody any more
 */
export async function allowWrites(
  block: WriteBlock,
  isWanted: () => Promise<boolean>,
  evenIfUnknown = false,
): Promise<boolean> {
  const { client, control } = block;
  const found = await readHeld(control, documentIds.writeBlock);
  const holders = await readBlockHolders(client);
  if ((!found && !evenIfUnknown) || !(await isWanted())) return false;
  const ended = holders.filter(
    (holder) => evenIfUnknown || isHolderOf(control.databaseName, holder),
  );
  await block.faultPoints.write("write-allow", async () => {
    // First: a user who may lift the block may be one whose writes it refuses.
    if (ended.length === holders.length) await setMode(block, false);
    await fencesOf(setRecords(client)).updateOne(
      { _id: documentIds.writeBlocks },
      { $pull: { holders: { $in: ended } } } as Document,
      majority,
    );
    await fencesOf(control).deleteOne(
      { _id: documentIds.writeBlock, holder: found?.holder ?? null },
      majority,
    );
    await settleMode(block);
  });
  return (await readHeld(control, documentIds.writeBlock)) === null;
}
