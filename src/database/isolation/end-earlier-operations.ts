import { type Document, type MongoClient, ReadConcern, UUID } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  canWrite,
  type HeldLocks,
  heldLocks,
  type LockedResource,
  type Operation,
  operationText,
} from "./writing-operations.ts";

/** Only the command's name and last stage: the rest of a foreign command may be impossible to decode. */
const projection: Document = {
  ...{ opid: 1, ns: 1, active: 1, appName: 1, client: 1, desc: 1, lsid: 1 },
  op: 1,
  commandName: {
    $arrayElemAt: [
      { $map: { input: { $objectToArray: { $ifNull: ["$command", {}] } }, in: "$$this.k" } },
      0,
    ],
  },
  lastStage: {
    $cond: [{ $isArray: "$command.pipeline" }, { $last: "$command.pipeline" }, "$$REMOVE"],
  },
  renames: ["$command.renameCollection", "$command.to"],
  isTransaction: { $eq: ["$transaction.parameters.autocommit", false] },
  user: { $first: "$effectiveUsers" },
};

const writes: readonly string[] = ["insert", "update", "remove"];

function parseOperation(found: Document): Operation {
  const { lsid, user, commandName, op } = found;
  return {
    ...(found as Operation),
    // A write within a command has its filter in place of the command.
    command: writes.includes(op) ? op : (commandName ?? ""),
    ...(lsid ? { session: lsid, sessionText: new UUID(lsid.id.buffer).toHexString() } : {}),
    user: user ? `${user.user}@${user.db}` : undefined,
  } as Operation;
}

/** The databases in which open transactions hold locks. Without the right to ask, nothing is known. */
async function readLocks(client: MongoClient, databaseName: string): Promise<HeldLocks> {
  try {
    const { lockInfo } = await client.db("admin").command({ lockInfo: 1 });
    return heldLocks(lockInfo as LockedResource[], databaseName);
  } catch (error) {
    if (!hasCode(error, serverErrors.unauthorized)) throw error;
    return heldLocks([], databaseName);
  }
}

/** The operations that can still write to the application's database. */
async function writingOperations(
  client: MongoClient,
  databaseName: string,
): Promise<readonly Operation[]> {
  const found = await client
    .db("admin", { readConcern: new ReadConcern("local") })
    .aggregate([
      { $currentOp: { allUsers: true, idleSessions: true, idleConnections: false } },
      {
        $match: {
          $or: [
            {
              ns: { $regex: `^${databaseName.replace(/[^\w]/g, "\\$&")}\\.` },
              op: { $ne: "none" },
            },
            { "transaction.parameters.autocommit": false },
            { "command.pipeline": { $exists: true } },
            { "command.renameCollection": { $exists: true } },
          ],
        },
      },
      { $project: projection },
    ])
    .toArray();
  const operations = found.map(parseOperation);
  const isLockKnown = operations.some(({ isTransaction, active }) => isTransaction && !active);
  const locks = isLockKnown
    ? await readLocks(client, databaseName)
    : { here: new Set<string>(), elsewhere: new Set<string>() };
  return operations.filter((operation) => canWrite(operation, databaseName, locks));
}

/**
 * The ways to end an operation. A user's own operations need no right. A session that also reads goes on reading. A
 * transaction ends only with its session.
 */
function waysToEnd({ opid, session, isTransaction }: Operation): readonly Document[] {
  const ofAnotherUser = session?.uid ? [{ killAllSessionsByPattern: [{ lsid: session }] }] : [];
  if (isTransaction) return [{ killSessions: [{ id: session?.id }] }, ...ofAnotherUser];
  return opid === undefined ? [] : [{ killOp: 1, op: opid }, ...ofAnotherUser];
}

/** Tries to end an operation. Without the right, it has to end by itself. */
async function end(client: MongoClient, operation: Operation): Promise<void> {
  for (const way of waysToEnd(operation)) {
    try {
      await client.db("admin").command(way);
      // This command ignores another user's session without an error.
      if (!("killSessions" in way)) return;
    } catch (error) {
      if (!hasCode(error, serverErrors.unauthorized)) throw error;
    }
  }
}

/**
 * Ends the operations on the application's database that began before all gates were shut and can still write, and
 * waits until they are gone. From then on only the upgrade writes (S2). Finds, change streams and other reads go on.
 * @throws LockstepError `timeout`, naming the clients
 */
export async function endEarlierOperations(options: {
  client: MongoClient;
  databaseName: string;
  clock: Clock;
  log: Log;
}): Promise<void> {
  const { client, databaseName, clock, log } = options;
  const until = clock.monotonicMs() + limits.earlierOperationsMs;
  for (;;) {
    const found = await writingOperations(client, databaseName);
    if (found.length === 0) return;
    const words = found.slice(0, limits.offendingDocumentsMax).map(operationText);
    if (clock.monotonicMs() > until) {
      throw new LockstepError(
        "timeout",
        `expected no writes to "${databaseName}" while all gates are shut, found operations that still run: ${words.join("; ")}: stop these clients, or give Lockstep's user the right killAnySession, then upgrade again`,
        { operations: words },
      );
    }
    log.warn({ operations: words }, "ending earlier operations");
    for (const operation of found) {
      await end(client, operation).catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, "an earlier operation could not be ended yet");
      });
    }
    await clock.sleep(limits.leaseAcquirePollMs);
  }
}
