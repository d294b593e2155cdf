import { type ClientSession, MongoBulkWriteError } from "mongodb";
import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { hasCode, serverErrors } from "../../../mongo/server-errors.ts";
import {
  isNetworkTrouble,
  isTransient,
  isUnknownOutcome,
  isWriteTimeout,
} from "../../../mongo/transient.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { FaultPoints } from "../../../ports/fault-point.ts";
import type { Entry } from "../entry.ts";
import { refusedEntry } from "../refusals.ts";
import type { Appended, Fence } from "../store.ts";
import type { JournalCollection } from "./journal-collection.ts";
import type { Sessions } from "./sessions.ts";
import type { WorkerRecords } from "./worker-records.ts";

interface Means {
  readonly journal: JournalCollection;
  readonly workers: WorkerRecords;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly faultPoints: FaultPoints;
  readonly closing: AbortSignal;
}

const faultPoint = "engine-journal";
const appended: Appended = { kind: "appended" };

function notSettled(entries: readonly Entry[], cause: unknown): LockstepError {
  const actors = entries.map(({ actor }) => actor).slice(0, limits.namesShownMax);
  return new LockstepError(
    "database-unreachable",
    "expected a majority to have a write, found that it has not yet: append the same again once there is a primary",
    { actors },
    { cause },
  );
}

/**
 * The places of the entries that an insert has refused for a duplicate key, or null where the answer is of another
 * kind. Only in an answer that a majority has acknowledged all others are appended.
 */
function refusedPlaces(error: unknown): ReadonlySet<number> | null {
  if (!(error instanceof MongoBulkWriteError)) return null;
  const said = [error.writeErrors].flat();
  const isAnswer =
    said.length > 0 &&
    said.every(({ code }) => code === serverErrors.duplicateKey) &&
    error.result.getWriteConcernError() === undefined;
  return isAnswer ? new Set(said.map(({ index }) => index)) : null;
}

/** The fate of an entry by what the journal has in its place, or undefined where nothing keeps it out. */
async function fateOf(journal: JournalCollection, entry: Entry): Promise<Appended | undefined> {
  const { byId, byKey } = await journal.settledNonce(entry);
  if (byId !== undefined) return byId === entry.nonce ? appended : { kind: "revision-taken" };
  return byKey === undefined ? undefined : { kind: "duplicate" };
}

/** The fates of entries, as far as a majority has them. Entries without one are left out. */
async function fatesOf(
  journal: JournalCollection,
  entries: readonly Entry[],
): Promise<Map<Entry, Appended>> {
  const nonces = await journal.nonces(entries);
  const fates = new Map<Entry, Appended>();
  await Promise.all(
    entries.map(async (entry) => {
      const { actor, eventKey, nonce } = entry;
      const byId = nonces.get(actor);
      // The key comes first: a repeat that met another entry would be tried again, and never win against a busy sender.
      const byKey = eventKey === undefined ? undefined : await journal.nonceOf(actor, eventKey);
      if (byId === nonce || byKey === nonce) fates.set(entry, appended);
      else if (byKey !== undefined) fates.set(entry, { kind: "duplicate" });
      else if (byId !== undefined) fates.set(entry, { kind: "revision-taken" });
    }),
  );
  return fates;
}

/**
 * Appends each entry by itself: one insert for all of them. An insert with an unknown outcome is repeated: the nonce
 * of an entry that is there already tells whose it is.
 */
export async function appendEach(
  { journal, clock, faultPoints, closing }: Means,
  entries: readonly Entry[],
): Promise<readonly Appended[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await faultPoints.write(faultPoint, () => journal.insert(entries, { ordered: false }));
      return entries.map(() => appended);
    } catch (error) {
      const places = refusedPlaces(error);
      if (places !== null) {
        const refused = entries.filter((_, place) => places.has(place));
        const fates = await fatesOf(journal, refused);
        for (const entry of refused) {
          const fate = fates.get(entry) ?? (await fateOf(journal, entry));
          if (fate === undefined) throw notSettled([entry], error);
          fates.set(entry, fate);
        }
        return entries.map((entry) => fates.get(entry) ?? appended);
      }
      const isOver = isWriteTimeout(error) || attempt >= limits.engineAppendAttemptsMax;
      if (!isNetworkTrouble(error) || isOver || closing.aborted) throw error;
      await clock.sleep(limits.engineAppendRetryMs * 2 ** attempt, closing);
    }
  }
}

/**
 * Appends all entries and changes the fence in one transaction. Where another transaction, which may stay open for long,
 * has the place of an entry, that entry alone is refused.
 */
export async function appendFenced(
  means: Means,
  entries: readonly Entry[],
  fence: Fence,
): Promise<readonly Appended[]> {
  const { journal, workers, sessions } = means;
  const append = async (session: ClientSession) => {
    await workers.touch(fence, session);
    await journal.insert(entries, { session });
  };
  try {
    await sessions.transact(faultPoint, append, limits.groupConflictsMax);
    return entries.map(() => appended);
  } catch (error) {
    if (hasCode(error, serverErrors.writeConflict)) {
      if (entries.length === 1) return [{ kind: "revision-taken" }];
      const half = Math.ceil(entries.length / 2);
      const parts = [entries.slice(0, half), entries.slice(half)];
      const fates = await Promise.all(parts.map((part) => appendFenced(means, part, fence)));
      return fates.flat();
    }
    const isRefused = hasCode(error, serverErrors.duplicateKey);
    if (!isRefused && !isUnknownOutcome(error)) throw error;
    const fates = await fatesOf(journal, entries);
    if (isRefused && fates.size === 0) {
      // A majority does not have yet what the transaction has met.
      for (const entry of entries) {
        const fate = await fateOf(journal, entry);
        if (fate) fates.set(entry, fate);
      }
    }
    // The transaction is atomic: where the journal holds one entry of it, all of it took effect.
    if ([...fates.values()].includes(appended)) return entries.map(() => appended);
    if (!isRefused || fates.size === 0) throw notSettled(entries, error);
    return entries.map((entry) => fates.get(entry) ?? { kind: "undone" });
  }
}

/** Appends within a transaction of the caller, which is lost with the first refused entry. */
export async function appendWithin(
  { journal, workers }: Means,
  entries: readonly Entry[],
  session: ClientSession,
  fence: Fence | undefined,
): Promise<readonly Appended[]> {
  if (fence) await workers.touch(fence, session);
  for (const entry of entries) {
    try {
      await journal.insertOne(entry, session);
    } catch (error) {
      if (isTransient(error) || !hasCode(error, serverErrors.duplicateKey)) throw error;
      // Outside of the transaction, which can read nothing any more.
      const fate = await fateOf(journal, entry);
      // Nothing is there outside: this transaction itself has used the key before.
      const isOwn = fate === undefined && entry.eventKey !== undefined;
      throw refusedEntry(
        entry,
        isOwn || fate?.kind === "duplicate" ? "duplicate" : "revision-taken",
      );
    }
  }
  return entries.map(() => appended);
}
