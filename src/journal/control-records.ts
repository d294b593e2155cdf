import { LockstepError } from "../errors.ts";
import {
  anything,
  count,
  fields,
  figure,
  list,
  nullable,
  optional,
  type Shape,
  text,
} from "../shape.ts";
import { collections, documentIds, type Versions } from "./store.ts";

/** The fields of a fence's progress that every reader relies on. */
const progressShape = fields<{ upgrade: string; step: number; operation: number; batches: number }>(
  { upgrade: text, step: count, operation: count, batches: count },
);

const fence = fields<{ epoch: number; progress?: unknown; sessions?: readonly string[] }>({
  ...{ epoch: count, progress: optional(progressShape), sessions: optional(list(text)) },
});

const deletions = fields<{ hosts?: readonly string[]; holder?: unknown }>({
  ...{ hosts: optional(list(text)), holder: optional(anything) },
});

const historyHolder = fields<{ holder: string; seconds: number; untilMs: number | null }>({
  ...{ holder: text, seconds: figure, untilMs: nullable(figure) },
});
const historyMember = fields<{ host: string; previous: number; values: readonly number[] }>({
  ...{ host: text, previous: figure, values: list(figure) },
});
const history = fields<{ holders?: unknown; members?: unknown }>({
  ...{ holders: optional(list(historyHolder)), members: optional(list(historyMember)) },
});

/** A lease, as far as anybody decides by it: its times may be anything, since one that makes no sense is free. */
const lease = fields<{ holder: string | null; epoch: number; nonce: string; appName: string }>({
  ...{ holder: nullable(text), epoch: count, nonce: text, appName: text },
});

const versions = fields<Versions>({
  agentVersion: text,
  databaseVersion: text,
  upgrade: nullable(text),
  generation: count,
});

const shapes: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  [collections.versions]: { [documentIds.versions]: versions },
  [collections.leases]: { [documentIds.master]: lease },
  [collections.fences]: {
    [documentIds.master]: fence,
    [documentIds.deletions]: deletions,
    [documentIds.history]: history,
  },
};

/** What an operator does about it, where that is not to put the fields right. */
const mending: Readonly<Record<string, string>> = {
  [collections.leases]: "delete it in mongosh, and it is made anew",
};

/** The error of a control record with something wrong in it. */
export function brokenRecord(collection: string, id: string, wrong: string): LockstepError {
  const next = mending[collection] ?? "put it right in mongosh, `lockstep history` tells the rest";
  return new LockstepError(
    "record-broken",
    `the record "${id}" of \`${collection}\` is broken: ${wrong}: ${next}`,
    { collection, id },
  );
}

/**
 * Refuses a control record that lacks fields or holds others than are written there.
 * @param record as it was read; undefined or null where it is gone though it has to be there
 * @throws LockstepError `record-broken`
 */
export function requireRecord(collection: string, id: string, record: unknown): void {
  const shape = shapes[collection]?.[id];
  const isGone = record === undefined || record === null;
  const wrong = isGone ? "expected it to be there, found nothing" : shape?.(record, "");
  if (wrong === null || wrong === undefined) return;
  throw brokenRecord(collection, id, wrong);
}
