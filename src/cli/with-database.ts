import type { MongoClient } from "mongodb";
import { controlDatabaseName } from "../database/database-names.ts";
import type { WithMember } from "../database/members.ts";
import { checkDeployment } from "../database/preflight.ts";
import { openSeam } from "../ports/seam.ts";
import { createMongoStore } from "../store/mongo-store.ts";
import type { Store } from "../store/store.ts";
import { connect, memberOpener } from "../upgrade/connect.ts";
import { databaseNameOf } from "../upgrade/database-name.ts";
import { parseSecondsMs } from "./seconds.ts";

/** Options of commands that work on the database themselves. */
export interface DatabaseOptions {
  readonly mongoUrl: string;
  readonly fleet?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

export interface OpenDatabase {
  readonly client: MongoClient;
  readonly withMember: WithMember;
  readonly store: Store;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
}

/** Opens the database for one command and closes it whatever happens. */
export async function withDatabase(
  options: DatabaseOptions,
  act: (database: OpenDatabase) => Promise<number>,
): Promise<number> {
  const databaseName = databaseNameOf(options.mongoUrl);
  const control = controlDatabaseName(options.fleet ?? databaseName);
  const timeoutMs =
    options.timeout === undefined ? undefined : parseSecondsMs("--timeout", options.timeout);
  const client = await connect(options.mongoUrl, "lockstep:backup", timeoutMs);
  const withMember = memberOpener(options.mongoUrl, "lockstep:backup");
  try {
    await checkDeployment(client, databaseName);
    const store = createMongoStore({ client, databaseName: control, seam: openSeam });
    try {
      return await act({ client, withMember, store, databaseName, controlDatabaseName: control });
    } finally {
      await store.close();
    }
  } finally {
    await client.close();
  }
}
