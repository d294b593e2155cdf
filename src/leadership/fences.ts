import type { Collection, Document, MongoClient } from "mongodb";
import { requireRecord } from "../journal/control-records.ts";
import { collections, documentIds } from "../journal/store.ts";

/** Where the fence is, and what is written down beside it. */
export interface Control {
  readonly client: MongoClient;
  readonly databaseName: string;
  /** The id of the fence; default: the master's. A rehearsal by hand has one of its own. */
  readonly fenceId?: string;
}

/** The id of the fence document that a transaction changes. Pure. */
export function fenceIdOf({ fenceId }: Pick<Control, "fenceId">): string {
  return fenceId ?? documentIds.master;
}

/** The fence, what moves with it, and what an upgrade holds back. */
export function fencesOf({
  client,
  databaseName,
}: Control): Collection<{ _id: string } & Document> {
  return client.db(databaseName).collection<{ _id: string } & Document>(collections.fences);
}

/**
 * One of them, as a majority has it; null where there is none.
 * @throws LockstepError `record-broken`
 */
export async function readFence(control: Control, id: string): Promise<Document | null> {
  const found = await fencesOf(control).findOne(
    { _id: id },
    { readConcern: { level: "majority" } },
  );
  if (found !== null) requireRecord(collections.fences, id, found);
  return found;
}
