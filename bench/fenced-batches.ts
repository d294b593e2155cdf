import { runSchemaSteps } from "../src/database/migration/schema-steps.ts";
import { silentLog } from "../src/log.ts";
import { systemClock } from "../src/ports/clock.ts";
import { noFaults } from "../src/ports/fault-point.ts";
import { seconds } from "./copy.ts";
import type { Run } from "./figures.ts";
import { documentsFrom, withMaterial } from "./material.ts";

const documents = 100_000;
const batch = 1_000;

/** Seconds for a change of each document in fenced batches of 1,000, against a plain loop of bulkWrite. */
export function fencedBatches(): Promise<Run> {
  return withMaterial(async ({ client }) => {
    const control = { client, databaseName: "lockstep_bench" };
    const signal = new AbortController().signal;
    await client
      .db(control.databaseName)
      .collection<{ _id: string }>("fences")
      .insertOne({ _id: "master", epoch: 1, sequence: 0 } as never);
    for (const name of ["ours", "plain"]) {
      for (let start = 0; start < documents; start += 5_000) {
        await client
          .db("bench")
          .collection<{ _id: number }>(name)
          .insertMany(documentsFrom(start, 5_000), { writeConcern: { w: "majority" } });
      }
    }
    const against = await seconds(async () => {
      const plain = client.db("bench").collection<{ _id: number }>("plain");
      const cursor = plain.find().sort({ _id: 1 }).batchSize(batch);
      let operations: object[] = [];
      const write = async () => {
        if (operations.length === 0) return;
        await plain.bulkWrite(operations as never[], { writeConcern: { w: "majority", j: true } });
        operations = [];
      };
      for await (const { _id } of cursor) {
        operations.push({ updateOne: { filter: { _id }, update: { $set: { twice: _id * 2 } } } });
        if (operations.length === batch) await write();
      }
      await write();
    });
    const value = await seconds(async () => {
      const result = await runSchemaSteps({
        withMember: (_host, act) => act(client),
        ...{ client, databaseName: "bench", control, upgradeId: "u000002", now: new Date(0) },
        ...{ progressField: "progress", holder: "a1:1", isDead: async () => false, signal },
        ...{ faultPoints: noFaults, clock: systemClock, log: silentLog },
        mastership: {
          epoch: 1,
          signal,
          fence: { collection: "fences", id: "master", expect: { epoch: 1 } },
        },
        steps: [
          {
            name: "twice",
            run: (context) =>
              context.applyToCollection("ours", {
                change: ({ _id }) => ({ $set: { twice: Number(_id) * 2 } }),
              }),
          },
        ],
      });
      if (result.kind !== "done") throw new Error(JSON.stringify(result));
    });
    return { value, against };
  });
}
