import type { MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import type { HeldRecords } from "../../journal/fence.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { type Control, fencesOf, readHeld } from "../../leadership/fences.ts";
import { majority } from "../../mongo/majority.ts";
import { readPrivileges } from "../../mongo/requirements/rights.ts";
import { settle } from "../../mongo/settle.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";

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

function read({ control }: WriteBlock): Promise<HeldRecords["write-block"] | null> {
  return readHeld(control, documentIds.writeBlock);
}

async function isHeld(block: WriteBlock): Promise<boolean> {
  return (await read(block)) !== null;
}

function settleMode(block: WriteBlock): Promise<void> {
  return settle(
    () => isHeld(block),
    (held) => setMode(block, held),
  );
}

/** Whether the set refuses what its users write, whoever asked for that. It needs the right `serverStatus`. */
export async function isSetBlocked(client: MongoClient): Promise<boolean> {
  const { repl } = await client.db("admin").command({ serverStatus: 1 });
  return Number(repl?.userWriteBlockMode) === blockedMode;
}

/**
 * Blocks every writer without `bypassWriteBlockingMode`, in the whole cluster. The record of the block is written
 * first, so a block that an operator has set stays afterwards. A deposed master blocks nobody, however late it acts.
 * @param holder who asks for it: the same on each attempt, another one for another upgrade
 * @throws LockstepError `fenced`
 */
export async function blockWrites(block: WriteBlock & Fenced, holder: string): Promise<void> {
  if (!(await isHeld(block)) && (await isSetBlocked(block.client))) return;
  await block.faultPoints.write("write-block", async () => {
    await writeFenced(block, (session) =>
      fencesOf(block.control).updateOne(
        { _id: documentIds.writeBlock },
        { $set: { holder } },
        { upsert: true, session },
      ),
    );
    await settleMode(block);
  });
}

/**
 * Lifts the block if the record says that it is ours. A block that is gone is a success.
 * @param isWanted is asked once the holder is known, so that a later upgrade's block stays
 * @param evenIfUnknown also lifts a block without a record: an operator asks for that
 * @returns whether the writers are let in
 */
export async function allowWrites(
  block: WriteBlock,
  isWanted: () => Promise<boolean>,
  evenIfUnknown = false,
): Promise<boolean> {
  const found = await read(block);
  if ((!found && !evenIfUnknown) || !(await isWanted())) return false;
  await block.faultPoints.write("write-allow", async () => {
    await setMode(block, false);
    await fencesOf(block.control).deleteOne(
      { _id: documentIds.writeBlock, holder: found?.holder ?? null },
      majority,
    );
    await settleMode(block);
  });
  return !(await isHeld(block));
}
