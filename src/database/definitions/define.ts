import { type Document, UUID } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type CollectionEntry, isCapped, readCatalogue } from "../../mongo/catalogue/catalogue.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { isNetworkTrouble } from "../../mongo/transient.ts";
import type { Runner } from "../migration/runner.ts";

/** The database is not as the step expects it. */
export function conflict(message: string, details: Readonly<Record<string, unknown>> = {}) {
  return new LockstepError("schema-conflict", message, details);
}

export async function entriesOf({ options }: Runner): Promise<readonly CollectionEntry[]> {
  return (await readCatalogue(options.client, options.databaseName)).collections;
}

/** Refuses what has no atomic swap, so that a restore can always bring back what a step has changed. */
export function requirePlain(entry: CollectionEntry | undefined, name: string): CollectionEntry {
  if (!entry) throw conflict(`expected a collection "${name}", found none`);
  if (name.startsWith("system.")) {
    throw conflict(`"${name}" is a collection of the server's: a step must not touch it`);
  }
  if (entry.type !== "collection" || isCapped(entry)) {
    const what = entry.type === "collection" ? "a capped collection" : `a ${entry.type}`;
    throw conflict(
      `"${name}" is ${what}: it is carried by backups, but a step must not touch it; change it outside an upgrade`,
    );
  }
  return entry;
}

/** A name that a step has dropped is never used again: late commands of a deposed master name it. */
export function requireUnused({ progress }: Runner, name: string): void {
  if (progress.dropped.includes(name)) {
    throw conflict(
      `"${name}" was dropped or renamed by an earlier operation of this upgrade: use another name`,
    );
  }
}

/**
 * Changes a definition: nothing of the kind can join a transaction, so the command names the UUID
 * that was there when the operation began, and the catalogue says what came of it.
 */
export async function define(
  runner: Runner,
  name: string,
  isDone: (entries: readonly CollectionEntry[]) => boolean | Promise<boolean>,
  command: (uuid: UUID) => {
    readonly database: "application" | "admin";
    readonly command: Document;
  },
): Promise<void> {
  const { options, progress } = runner;
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    options.mastership.signal.throwIfAborted();
    if (await isDone(await entriesOf(runner))) return;
    if (progress.target === null) throw conflict("expected a collection to act on, found none");
    const asked = command(new UUID(progress.target));
    const database = options.client.db(asked.database === "admin" ? "admin" : options.databaseName);
    try {
      await options.faultPoints.write(name, () =>
        database.command({
          ...asked.command,
          maxTimeMS: limits.indexBuildTimeMsMax,
          writeConcern: { w: "majority" },
          comment: `lockstep:${options.mastership.epoch}:${options.upgrade}`,
        }),
      );
    } catch (error) {
      // The outcome is unknown, or somebody else did it: the catalogue is read again.
      const gone = hasCode(error, serverErrors.namespaceNotFound, serverErrors.indexNotFound);
      if (!(isNetworkTrouble(error) || gone) || attempt >= limits.transactionAttemptsMax) {
        throw error;
      }
      await options.clock.sleep(limits.transactionRetryDelayMs, options.signal);
    }
  }
}
