import { LockstepError } from "../errors.ts";
import { count, fields, nullable, type Shape, text } from "../shape.ts";
import { deletionsShape, fenceShape, historyShape, writeBlocksShape } from "./fence.ts";
import { collections, documentIds, type Versions } from "./store.ts";

/**
 * The fields of a lease on which somebody relies. Its times may be anything: a lease with senseless times is free.
 */
const lease = fields<{ holder: string | null; epoch: number; nonce: string; appName: string }>({
  ...{ holder: nullable(text), epoch: count, nonce: text, appName: text },
});

const versions = fields<Versions>({
  agentVersion: text,
  databaseVersion: text,
  upgradeId: nullable(text),
  generation: count,
});

const shapes: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  [collections.versions]: { [documentIds.versions]: versions },
  [collections.leases]: { [documentIds.master]: lease },
  [collections.fences]: {
    [documentIds.master]: fenceShape,
    [documentIds.deletions]: deletionsShape,
    [documentIds.writeBlocks]: writeBlocksShape,
    [documentIds.history]: historyShape,
  },
};

/** The advice for a collection where correcting the fields is not the way. */
const mending: Readonly<Record<string, string>> = {
  [collections.leases]: "delete it in mongosh, and it is created again",
};

/** The error of a broken control record. */
export function brokenRecord(collection: string, id: string, wrong: string): LockstepError {
  const next =
    mending[collection] ?? "correct it in mongosh; `lockstep history` shows the other facts";
  return new LockstepError(
    "record-broken",
    `the record "${id}" of \`${collection}\` is broken: ${wrong}: ${next}`,
    { collection, id },
  );
}

/**
 * Refuses a control record with missing or wrong fields.
 * @param record as it was read; undefined or null where it is gone and has to be there
 * @throws LockstepError `record-broken`
 */
export function requireRecord(collection: string, id: string, record: unknown): void {
  const shape = shapes[collection]?.[id];
  const isGone = record === undefined || record === null;
  const wrong = isGone ? "expected the record, found none" : shape?.(record, "");
  if (wrong === null || wrong === undefined) return;
  throw brokenRecord(collection, id, wrong);
}
