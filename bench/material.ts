import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { findMongod } from "../src/local/find-mongod.ts";
import { type ReplicaSet, startReplicaSet } from "../src/local/replica-set.ts";

/** A real replica set, a folder and a client: all of it goes at the end. */
export interface Material {
  readonly set: ReplicaSet;
  readonly client: MongoClient;
  readonly folder: string;
}

export async function withMaterial<Result>(
  act: (material: Material) => Promise<Result>,
): Promise<Result> {
  const mongod = await findMongod({ environment: process.env });
  const set = await startReplicaSet({ mongodPath: mongod.path });
  // The set's guard removes it too where this process dies.
  const folder = join(set.directory, "material");
  const client = new MongoClient(set.url(), { ignoreUndefined: true });
  try {
    await mkdir(folder);
    return await act({ set, client, folder });
  } finally {
    await client.close();
    await set.stop();
  }
}

/** Documents of about 480 bytes, as the experiments had them. */
export function documentsFrom(start: number, count: number): { _id: number }[] {
  return Array.from({ length: count }, (_, index) => ({
    _id: start + index,
    n: (start + index) % 10_007,
    name: `document number ${start + index}`,
    tags: ["one", "two", String((start + index) % 97)],
    price: (start + index) / 7,
    when: new Date(1_700_000_000_000 + start + index),
    text: randomBytes(140).toString("hex"),
  }));
}

export const documentBytes = 480;

/** Fills a collection with about so many megabytes, and gives it two indexes. */
export async function fillCollection(
  client: MongoClient,
  database: string,
  megabytes: number,
  name = "things",
): Promise<void> {
  const things = client.db(database).collection<{ _id: number }>(name);
  const total = Math.round((megabytes * 1_000_000) / documentBytes);
  for (let start = 0; start < total; start += 5_000) {
    await things.insertMany(documentsFrom(start, Math.min(5_000, total - start)), {
      writeConcern: { w: "majority" },
    });
  }
  await things.createIndex({ n: 1 }, { name: "by-n" });
  await things.createIndex({ name: 1 }, { name: "by-name" });
}
