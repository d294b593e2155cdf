import type { MongoClient } from "mongodb";
import { assert } from "../errors.ts";

const infix = "_lockstep_scratch_";

/** The database beside the live one where a backup is restored and the steps are rehearsed. */
export function scratchName(databaseName: string, epoch: number): string {
  const name = `${databaseName}${infix}${epoch}`;
  assert(Buffer.byteLength(name) <= 63, "the scratch database's name fits", { name });
  return name;
}

/** Drops all scratch databases of this database, whichever epoch left them. */
export async function sweepScratch(client: MongoClient, databaseName: string): Promise<void> {
  const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const prefix = `${databaseName}${infix}`;
  for (const { name } of databases) {
    if (!name.startsWith(prefix) || !/^\d+$/.test(name.slice(prefix.length))) continue;
    assert(name !== databaseName, "a scratch database is never the live one");
    await client.db(name).dropDatabase({ writeConcern: { w: "majority" } });
  }
}
