import { type Document, UUID } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import {
  type CollectionEntry,
  type Described,
  findEntry,
  isCapped,
} from "../../mongo/catalogue/catalogue.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { isNetworkTrouble } from "../../mongo/transient.ts";
import type { Runner } from "../migration/runner.ts";

/** The error of a database that is not as the step expects it. */
export function schemaConflict(message: string, details: Readonly<Record<string, unknown>> = {}) {
  return new LockstepError("schema-conflict", message, details);
}

/** One collection of the database that the step changes. A look at all of them would cost seconds for each operation. */
export function entryOf({ options }: Runner, name: string): Promise<CollectionEntry | undefined> {
  return findEntry(options.client, options.databaseName, name);
}

/** Refuses a collection without an atomic swap, so that a restore can always undo a step. */
export function requirePlain<Entry extends Described>(
  entry: Entry | undefined,
  name: string,
): Entry {
  if (!entry)
    throw schemaConflict(
      `expected a collection "${name}", found none: create it in an earlier operation, or correct the name`,
    );
  if (name.startsWith("system.")) {
    throw schemaConflict(`"${name}" belongs to the server: a step must not touch it`);
  }
  if (entry.type !== "collection" || isCapped(entry)) {
    const what = entry.type === "collection" ? "a capped collection" : `a ${entry.type}`;
    throw schemaConflict(
      `"${name}" is ${what}: backups carry it, but a step must not touch it: change it outside an upgrade`,
    );
  }
  return entry;
}

/** Refuses a name that a step has dropped: late commands of a deposed master may name it. */
export function requireUnused({ progress }: Runner, name: string): void {
  if (progress.dropped.includes(name)) {
    throw schemaConflict(
      `"${name}" was dropped or renamed by an earlier operation of this upgrade: use another name`,
    );
  }
}

/**
 * Changes a definition. No such command can join a transaction, so it names the UUID that was there when the
 * operation began, and the catalogue shows the outcome.
 */
export async function define(
  runner: Runner,
  name: string,
  isDone: () => Promise<boolean>,
  command: (uuid: UUID) => {
    readonly database: "application" | "admin";
    readonly command: Document;
  },
): Promise<void> {
  const { options, progress } = runner;
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    options.mastership.signal.throwIfAborted();
    if (await isDone()) return;
    if (progress.target === null)
      throw schemaConflict("expected a collection to act on, found none");
    if (attempt > limits.transactionAttemptsMax) {
      throw schemaConflict(
        "the server accepts the definition, and does not have it afterwards: end the program that changes it, or ask for the form that the server keeps",
      );
    }
    const asked = command(new UUID(progress.target));
    const database = options.client.db(asked.database === "admin" ? "admin" : options.databaseName);
    try {
      await options.faultPoints.write(name, () =>
        database.command({
          ...asked.command,
          maxTimeMS: limits.indexBuildTimeMsMax,
          writeConcern: { w: "majority" },
          comment: `lockstep:${options.mastership.epoch}:${options.upgradeId}`,
        }),
      );
    } catch (error) {
      // The outcome is unknown, or another process has done it. The catalogue is read again.
      const gone = hasCode(error, serverErrors.namespaceNotFound, serverErrors.indexNotFound);
      if (!(isNetworkTrouble(error) || gone) || attempt >= limits.transactionAttemptsMax) {
        throw error;
      }
      await options.clock.sleep(limits.transactionRetryDelayMs, options.signal);
    }
  }
}
