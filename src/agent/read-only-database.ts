import type { Db, Document, MongoClient } from "mongodb";
import type { Role } from "../../machines/vocabulary.ts";
import { LockstepError } from "../errors.ts";
import { ownValues } from "../mongo/bson/own-values.ts";
import type { ReadinessCheck } from "../upgrade/participant/readiness.ts";

/** A view of the migrated data that cannot write. Reads go to the primary and see what a majority has. */
export interface ReadOnlyDatabase {
  /** The documents that match. Default of `filter`: all. */
  find(
    collection: string,
    filter?: Document,
    options?: { readonly sort?: Document; readonly projection?: Document; readonly limit?: number },
  ): AsyncIterable<Document>;
  /** The number of documents that match. Default of `filter`: all. */
  count(collection: string, filter?: Document): Promise<number>;
  distinct(collection: string, field: string, filter?: Document): Promise<readonly unknown[]>;
  /** @throws LockstepError `bad-argument` where the pipeline has `$out` or `$merge` */
  aggregate(collection: string, pipeline: readonly Document[]): AsyncIterable<Document>;
}

/** The argument of a readiness check. */
export interface ReadinessContext {
  /** Aborts at the time limit, and when the upgrade turns back meanwhile. */
  readonly signal: AbortSignal;
  /** The application's database. A machine agent has none. */
  readonly database: ReadOnlyDatabase | undefined;
}

/**
 * The application's own trial of a new build, before the fleet commits to it: it resolves where the build can serve,
 * and rejects with the reason where it cannot. It must not write: a write by the application's own client is a foreign
 * write, which turns the fleet back.
 */
export type Readiness = (context: ReadinessContext) => Promise<void> | void;

/** The application's copy of the driver may be another one than Lockstep's. */
const own = ownValues as <Given>(value: Given) => Given;

const writingStages = ["$out", "$merge"];

/** The first stage that writes, at any depth, or undefined. Pure. */
function writingStageIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (writingStages.includes(key)) return key;
    const found = writingStageIn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param timeMs the time limit of each read at the server */
export function readOnly(database: Db, signal: AbortSignal, timeMs: number): ReadOnlyDatabase {
  const collectionOf = (name: string) => {
    signal.throwIfAborted();
    return database.collection(name, {
      readPreference: "primary",
      readConcern: { level: "majority" },
    });
  };
  const limit = { maxTimeMS: timeMs };
  return {
    find: (name, filter = {}, options = {}) =>
      collectionOf(name).find(own(filter), { ...own(options), ...limit }),
    count: (name, filter = {}) => collectionOf(name).countDocuments(own(filter), limit),
    distinct: (name, field, filter = {}) => collectionOf(name).distinct(field, own(filter), limit),
    aggregate(name, pipeline) {
      const stage = writingStageIn(pipeline);
      if (stage !== undefined) {
        throw new LockstepError(
          "bad-argument",
          `expected a pipeline that only reads, got one with ${stage}: a readiness check must not write`,
        );
      }
      return collectionOf(name).aggregate(own([...pipeline]), limit);
    },
  };
}

/** The check of one process, with its view of the database. */
export function readinessOf(
  options: {
    readonly readiness: Readiness | null;
    readonly readinessTimeoutMs: number;
    readonly role: Role;
    readonly databaseName: string;
  },
  client: MongoClient,
): ReadinessCheck | null {
  const { readiness, readinessTimeoutMs, role, databaseName } = options;
  if (readiness === null) return null;
  const database = role === "state-server" ? client.db(databaseName) : undefined;
  return async (signal) => {
    const view = database && readOnly(database, signal, readinessTimeoutMs);
    await readiness({ signal, database: view });
  };
}
