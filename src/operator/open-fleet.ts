import type { MongoClient } from "mongodb";
import { type Fleet, requireFleet } from "../control/fleet-registry.ts";
import { createMongoStore } from "../journal/mongo-store.ts";
import type { Store } from "../journal/store.ts";
import { connect, memberOpener } from "../mongo/connect.ts";
import { controlDatabaseName, requireApplicationDatabaseName } from "../mongo/database-names.ts";
import { databaseNameOf } from "../mongo/database-of-url.ts";
import type { WithMember } from "../mongo/members.ts";
import type { Work } from "../mongo/requirements/needed-rights.ts";
import { checkDeployment } from "../mongo/requirements/preflight.ts";
import { requireRights } from "../mongo/requirements/rights.ts";
import type { Clock } from "../ports/clock.ts";
import { noFaults } from "../ports/fault-point.ts";

/** A fleet whose database is open. */
export interface OpenFleet extends Fleet {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly store: Store;
  readonly clock: Clock;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** URL of the replica set; its path is the application's database. */
  readonly mongoUrl: string;
  /** Name of the fleet. Default: the application's database. */
  readonly fleet?: string | undefined;
  readonly appName: string;
  readonly serverSelectionTimeoutMs?: number | undefined;
  /** The time for which a write waits for a majority. */
  readonly writeTimeoutMs: number;
  readonly clock: Clock;
  /** The user of the URL needs every right for this work. Default: no right is asked for. */
  readonly work?: Work | undefined;
  /** The database in which the work is done. Default: the application's. */
  readonly target?: string | undefined;
  /** Gets what the operator should know of missing rights. */
  onNotice?(text: string): void;
}

/** A fleet on a client that is connected. It reads nothing yet. */
export function fleetOn(
  client: MongoClient,
  fleet: Fleet,
  options: Pick<OpenOptions, "mongoUrl" | "appName" | "clock"> &
    Partial<Pick<OpenOptions, "writeTimeoutMs">>,
): OpenFleet {
  const { mongoUrl, appName, clock, writeTimeoutMs } = options;
  const { controlDatabaseName: databaseName } = fleet;
  const store = createMongoStore({
    ...{ client, databaseName, faultPoints: noFaults, clock },
    ...(writeTimeoutMs === undefined ? {} : { writeTimeoutMs }),
  });
  return {
    ...{ ...fleet, client, store, clock, withMember: memberOpener(mongoUrl, appName) },
    async close() {
      await store.close();
      await client.close();
    },
  };
}

/**
 * Opens the database of a fleet for an operator. The caller closes it.
 * @throws LockstepError `bad-argument`, `database-unreachable`, `not-a-replica-set`, `rights-missing`
 */
export async function openFleet(options: OpenOptions): Promise<OpenFleet> {
  const { mongoUrl, appName, work, clock, writeTimeoutMs } = options;
  const databaseName = databaseNameOf(mongoUrl);
  const control = controlDatabaseName(options.fleet ?? databaseName);
  const fleet: Fleet = { databaseName, controlDatabaseName: control };
  // The name is checked before the rights, as the driver throws for a bad one.
  if (options.target !== undefined) requireApplicationDatabaseName(options.target);
  const client = await connect(mongoUrl, appName, options.serverSelectionTimeoutMs);
  try {
    await checkDeployment(client, databaseName);
    if (work) {
      const asked = { ...fleet, databaseName: options.target ?? databaseName };
      const notice = await requireRights(client, work, asked);
      if (notice !== null) options.onNotice?.(notice);
    }
    await requireFleet(client, fleet);
  } catch (error) {
    await client.close();
    throw error;
  }
  return fleetOn(client, fleet, { mongoUrl, appName, clock, writeTimeoutMs });
}
