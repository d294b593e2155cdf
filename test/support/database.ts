import { MongoClient } from "mongodb";
import { inject, onTestFinished } from "vitest";
import { systemRandom } from "../../src/ports/random.ts";

/** A name that no other test uses. */
export function freshDatabaseName(): string {
  return `test_${systemRandom.hex(6)}`;
}

/** URL of the shared set with a database as its path. */
export function urlOf(database: string): string {
  return inject("mongoUrl").replace("/?", `/${database}?`);
}

/** A client of the shared set, closed when the test ends. */
export async function openClient(appName = "test"): Promise<MongoClient> {
  const client = new MongoClient(inject("mongoUrl"), { appName, ignoreUndefined: true });
  await client.connect();
  onTestFinished(() => client.close());
  return client;
}
