import { MongoClient, type MongoClientOptions } from "mongodb";
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
export async function openClient(options: MongoClientOptions = {}): Promise<MongoClient> {
  const usual = { appName: "test", ignoreUndefined: true };
  const client = new MongoClient(inject("mongoUrl"), { ...usual, ...options });
  await client.connect();
  onTestFinished(() => client.close());
  return client;
}
