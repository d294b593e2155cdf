import type { MongoClient } from "mongodb";
import { assert } from "../errors.ts";

const infix = "_lockstep_scratch_";

/** The database beside the live one where a backup is restored and the steps are rehearsed. */
export function scratchName(databaseName: string, epoch: number): string {
  const name = `${databaseName}${infix}${epoch}`;
  assert(Buffer.byteLength(name) <= 63, "the scratch database's name fits", { name });
  return name;
}

/** Drops the scratch databases of this database that this epoch or an earlier one left: a successor's is not ours. */
export async function sweepScratch(
  client: MongoClient,
  databaseName: string,
  epoch: number,
): Promise<void> {
  const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const prefix = `${databaseName}${infix}`;
  for (const { name } of databases) {
    const of = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !/^\d+$/.test(of) || Number(of) > epoch) continue;
    assert(name !== databaseName, "a scratch database is never the live one");
    await client.db(name).dropDatabase({ writeConcern: { w: "majority" } });
  }
}
