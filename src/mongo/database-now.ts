import type { MongoClient } from "mongodb";

/** Milliseconds by the primary's clock. */
export async function databaseNowMs(client: MongoClient): Promise<number> {
  const { localTime } = await client.db("admin").command({ hello: 1 });
  return (localTime as Date).getTime();
}
