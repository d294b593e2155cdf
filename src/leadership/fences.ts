import type { Collection, Document, MongoClient } from "mongodb";
import { requireRecord } from "../journal/broken-record.ts";
import type { Fence, HeldRecords } from "../journal/fence.ts";
import { collections, documentIds } from "../journal/store.ts";

/** The place of the fence and of the documents beside it. */
export interface Control {
  readonly client: MongoClient;
  readonly databaseName: string;
  /** The id of the fence. Default: the master's. A rehearsal by hand has a fence of its own. */
  readonly fenceId?: string;
}

/** The control database of a fleet. Pure. */
export function controlOf({
  client,
  controlDatabaseName,
}: {
  readonly client: MongoClient;
  readonly controlDatabaseName: string;
}): Control {
  return { client, databaseName: controlDatabaseName };
}

/** The id of the fence document that a transaction changes. Pure. */
export function fenceIdOf({ fenceId }: Pick<Control, "fenceId">): string {
  return fenceId ?? documentIds.master;
}

/** The collection of the fence and of the documents beside it. */
export function fencesOf({
  client,
  databaseName,
}: Control): Collection<{ _id: string } & Document> {
  return client.db(databaseName).collection<{ _id: string } & Document>(collections.fences);
}

async function readChecked<Found>(control: Control, id: string): Promise<Found | null> {
  const found = await fencesOf(control).findOne(
    { _id: id },
    { readConcern: { level: "majority" } },
  );
  if (found !== null) requireRecord(collections.fences, id, found);
  return found as Found | null;
}

/**
 * The fence as a majority has it. It is null before the first master.
 * @throws LockstepError `record-broken`
 */
export function readFence(control: Control): Promise<Fence | null> {
  return readChecked(control, fenceIdOf(control));
}

/**
 * The record of something that an upgrade holds back, as a majority has it. It is null where nothing of the kind is
 * held.
 * @throws LockstepError `record-broken`
 */
export function readHeld<Id extends keyof HeldRecords>(
  control: Control,
  id: Id,
): Promise<HeldRecords[Id] | null> {
  return readChecked(control, id);
}
