import { type MongoClient, Timestamp } from "mongodb";
import { assert } from "../errors.ts";
import type { Seam } from "../ports/seam.ts";

/** Chooses the cluster time T of a backup: the operation time of a majority write. */
export async function chooseBackupTime(options: {
  client: MongoClient;
  control: { client: MongoClient; databaseName: string };
  seam: Seam;
}): Promise<string> {
  const { control, seam } = options;
  const answer = await seam.write("backup-time", () =>
    control.client.db(control.databaseName).command({
      update: "fences",
      updates: [{ q: { _id: "backup-time" }, u: { $inc: { chosen: 1 } }, upsert: true }],
      writeConcern: { w: "majority", j: true },
    }),
  );
  const time = answer["operationTime"] as Timestamp;
  assert(time instanceof Timestamp, "a replica set answers with its operation time");
  return `${time.getHighBits()}:${time.getLowBits()}`;
}

/** The cluster time in its text form. */
export function parseBackupTime(text: string): Timestamp {
  const [seconds, increment] = text.split(":").map(Number);
  assert(seconds !== undefined && increment !== undefined, "a backup time has two parts", { text });
  return new Timestamp({ t: seconds, i: increment });
}
