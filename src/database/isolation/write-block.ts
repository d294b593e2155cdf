import type { Document, MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { documentIds } from "../../journal/store.ts";
import { type Fenced, writeFenced } from "../../leadership/fenced-transaction.ts";
import { type Control, fencesOf, readFence } from "../../leadership/fences.ts";
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
 * Refuses to block writers on a set where that shuts out nobody, or us as well.
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

function read({ control }: WriteBlock): Promise<Document | null> {
  return readFence(control, documentIds.writeBlock);
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

/**
 * Shuts out every writer without `bypassWriteBlockingMode`, in the whole cluster. That it was us is
 * written down first: what an operator had blocked stays so afterwards. A deposed master, however late it
 * wakes up, shuts nobody out.
 * @param holder by whom it is asked for: the same for whoever goes on with it, never the same for another upgrade
 * @throws LockstepError `fenced`
 */
export async function blockWrites(block: WriteBlock & Fenced, holder: string): Promise<void> {
  if (!(await isHeld(block))) {
    const { repl } = await block.client.db("admin").command({ serverStatus: 1 });
    if (Number(repl?.userWriteBlockMode) === blockedMode) return;
  }
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
 * Lets writers in again, if it was us who shut them out; somebody having done it is a success.
 * @param isWanted asked once it is known who holds it: a later upgrade's block stays
 * @param evenIfUnknown also where nothing says that it was us: an operator asks for it
 * @returns whether they were let in
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
      { _id: documentIds.writeBlock, holder: found?.["holder"] ?? null },
      { writeConcern: { w: "majority", journal: true } },
    );
    await settleMode(block);
  });
  return !(await isHeld(block));
}
