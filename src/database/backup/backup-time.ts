import { type MongoClient, Timestamp } from "mongodb";
import { assert } from "../../errors.ts";
import { collections, documentIds } from "../../journal/store.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";

interface Marking {
  readonly control: { readonly client: MongoClient; readonly databaseName: string };
  readonly faultPoints: FaultPoints;
}

/** Makes a majority write that changes only a counter. Returns its operation time. */
export async function writeMarker(
  { control, faultPoints }: Marking,
  name: string,
): Promise<Timestamp> {
  const answer = await faultPoints.write(name, () =>
    control.client.db(control.databaseName).command({
      update: collections.fences,
      updates: [{ q: { _id: name }, u: { $inc: { chosen: 1 } }, upsert: true }],
      writeConcern: { w: "majority", j: true },
    }),
  );
  const time = answer["operationTime"] as Timestamp;
  assert(time instanceof Timestamp, "a replica set answers with its operation time");
  return time;
}

/** Chooses the cluster time T of a backup: the operation time of a majority write. */
export async function chooseBackupTime(marking: Marking): Promise<string> {
  const time = await writeMarker(marking, documentIds.backupTime);
  return `${time.getHighBits()}:${time.getLowBits()}`;
}

/** The first cluster time of the second of a moment, by the clock of the primary. Pure. */
export function clusterTimeAt(ms: number): string {
  return `${Math.floor(ms / 1_000)}:0`;
}

/** Reads a cluster time from its text. */
export function parseBackupTime(text: string): Timestamp {
  const [seconds, increment] = text.split(":").map(Number);
  assert(seconds !== undefined && increment !== undefined, "a backup time has two parts", { text });
  return new Timestamp({ t: seconds, i: increment });
}
