import { createHash } from "node:crypto";
import type { MongoClient } from "mongodb";

/** By collection: the server's hash of all its documents in order, and their count. */
export type Digests = Readonly<Record<string, { readonly hash: string; readonly count: number }>>;

/** Hashes all collections of a database on the primary. */
export async function digestDatabase(
  client: MongoClient,
  databaseName: string,
  collections?: readonly string[],
): Promise<Digests> {
  const database = client.db(databaseName, { readPreference: "primary" });
  const { collections: hashes } = await database.command({
    dbHash: 1,
    ...(collections ? { collections: [...collections] } : {}),
  });
  const digests = new Map<string, { hash: string; count: number }>();
  for (const name of Object.keys(hashes as object).toSorted()) {
    if (name.startsWith("system.") && !name.startsWith("system.buckets.")) continue;
    const count = await database.collection(name).countDocuments({}, { hint: { _id: 1 } });
    digests.set(name, { hash: String((hashes as Record<string, string>)[name]), count });
  }
  return Object.fromEntries(digests);
}

/** One text for all digests, whatever the order of the collections. Pure. */
export function digestOf(digests: Digests): string {
  const lines = Object.keys(digests)
    .toSorted()
    .map((name) => `${name}\0${digests[name]?.hash}\0${digests[name]?.count}`);
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}
