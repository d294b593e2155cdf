import type { MongoClient } from "mongodb";
import { engineCollections } from "../../engine/journal/mongo/records.ts";
import { createMongoEngineStore } from "../../engine/journal/mongo-store.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Log, silentLog } from "../../log.ts";
import { connect } from "../../mongo/connect.ts";
import { databaseNameOf } from "../../mongo/database-of-url.ts";
import { checkDeployment } from "../../mongo/requirements/preflight.ts";
import { systemClock } from "../../ports/clock.ts";
import { noFaults } from "../../ports/fault-point.ts";

const { journal, actors } = engineCollections;

/** The place of an engine. */
export interface EnginePlace {
  readonly mongoUrl: string;
  /** Default: the database of the URL. */
  readonly database?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
}

/** An engine that is open for reading. */
export interface OpenEngine {
  readonly store: EngineStore;
  readonly database: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The warnings so far, as of records that cannot be read. */
  readonly notices: readonly string[];
}

/** A log whose warnings are kept for the person who has asked. */
export function keepingLog(): { readonly log: Log; readonly notices: readonly string[] } {
  const notices: string[] = [];
  const keep = (fields: Readonly<Record<string, unknown>>, message: string) => {
    const error = fields["error"];
    if (notices.length >= limits.saidOnceMax) notices.shift();
    notices.push(typeof error === "string" ? `${message}: ${error}` : message);
  };
  const log: Log = { ...silentLog, warn: keep, error: keep, child: () => log };
  return { log, notices };
}

/**
 * Opens the engine of a database for reading. It creates nothing there.
 * @throws LockstepError `bad-argument` where the database has no engine; `database-unreachable`, `not-a-replica-set`
 */
export async function withEngine<Result>(
  place: EnginePlace,
  act: (engine: OpenEngine, client: MongoClient) => Promise<Result>,
): Promise<Result> {
  const { mongoUrl, database = databaseNameOf(mongoUrl), timeoutMs, signal } = place;
  const client = await connect(mongoUrl, "lockstep-actors", timeoutMs);
  try {
    signal.throwIfAborted();
    await checkDeployment(client, database);
    await requireEngine(client, database);
    const { log, notices } = keepingLog();
    const store = createMongoEngineStore({
      ...{ client, databaseName: database, clock: systemClock, faultPoints: noFaults, log },
    });
    try {
      return await act({ store, database, signal, log, notices }, client);
    } finally {
      await store.close();
    }
  } finally {
    await client.close();
  }
}

/**
 * True for a database with an engine's collections. A user that may only work with these sees them with
 * `authorizedCollections`.
 */
export async function hasEngine(client: MongoClient, database: string): Promise<boolean> {
  const found = await client
    .db(database)
    .listCollections(
      { name: { $in: [journal, actors] } },
      { nameOnly: true, authorizedCollections: true },
    )
    .toArray();
  return found.length === 2;
}

async function requireEngine(client: MongoClient, database: string): Promise<void> {
  if (await hasEngine(client, database)) return;
  throw new LockstepError(
    "bad-argument",
    `expected an engine in the database "${database}" (the collections ${journal} and ${actors}), found none that this user may see: name the database of createEngine with --database or in the path of the URL`,
    { database },
  );
}
