import type { Document, MongoClient } from "mongodb";
import { silentLog } from "../../src/log.ts";
import { createEngine } from "../../src/workflow/create-engine.ts";
import type { Run } from "../figures.ts";
import { withMaterial } from "../material.ts";
import { counter } from "./chart.ts";

const database = "engine";

/** Runs `count` calls, at most `atOnce` at the same time. */
export async function inParallel(
  count: number,
  atOnce: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await act(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane));
}

/** Inserts per second of the same documents in groups, several on their way at once. */
async function rawInserts(client: MongoClient, documents: readonly Document[]): Promise<number> {
  const groupSize = 500;
  const raw = client.db(database).collection("raw", {
    writeConcern: { w: "majority", j: true },
  });
  await raw.drop().catch(() => {});
  await client.db(database).createCollection("raw");
  const groups = Math.ceil(documents.length / groupSize);
  const startMs = performance.now();
  await inParallel(groups, 4, (group) =>
    raw.insertMany(documents.slice(group * groupSize, (group + 1) * groupSize), { ordered: false }),
  );
  return documents.length / ((performance.now() - startMs) / 1_000);
}

/** Transitions per second of so many actors, each with one event on its way, against raw inserts of the same documents. */
export function transitionsOf(actors: number, transitions: number): () => Promise<Run> {
  return () =>
    withMaterial(async ({ client }) => {
      const engine = await createEngine({ client, database, machines: [counter], log: silentLog });
      const ids = Array.from({ length: actors }, (_, index) => `c-${index}`);
      const beganMs = performance.now();
      await inParallel(actors, 1_000, (index) =>
        engine.start(counter, { id: ids[index] as string, input: { owner: `owner ${index}` } }),
      );
      const created = actors / ((performance.now() - beganMs) / 1_000);
      const send = (index: number) =>
        engine.send(counter, ids[index % actors] as string, { type: "NEXT" });
      await inParallel(actors, 1_000, send);
      const startMs = performance.now();
      await inParallel(transitions, Math.min(actors, 2_000), send);
      const value = transitions / ((performance.now() - startMs) / 1_000);
      await engine.close();
      const documents = await client
        .db(database)
        .collection("lockstep_journal")
        .find()
        .sort({ ts: -1 })
        .limit(transitions)
        .toArray();
      const against = await rawInserts(client, documents);
      return { value, against, parts: { "created/s": created } };
    });
}

/** Milliseconds of one event of one actor after the other, against one raw insert after the other. */
export function sequential(): Promise<Run> {
  return withMaterial(async ({ client }) => {
    const engine = await createEngine({ client, database, machines: [counter], log: silentLog });
    await engine.start(counter, { id: "one", input: { owner: "one" } });
    const count = 500;
    const timeOf = async (act: () => Promise<unknown>) => {
      const startMs = performance.now();
      for (let index = 0; index < count; index += 1) await act();
      return (performance.now() - startMs) / count;
    };
    const send = () => engine.send(counter, "one", { type: "NEXT" });
    await timeOf(send);
    const found = await client.db(database).collection("lockstep_journal").findOne();
    const raw = client.db(database).collection("raw", { writeConcern: { w: "majority", j: true } });
    let number = 0;
    const insert = () => {
      number += 1;
      const { _id, ...document } = found as Document;
      return raw.insertOne({ ...document, _id: { actor: "one", revision: number } as never });
    };
    await timeOf(insert);
    const rounds: Run[] = [];
    for (let round = 0; round < 3; round += 1) {
      rounds.push({ value: await timeOf(send), against: await timeOf(insert) });
    }
    await engine.close();
    return rounds.toSorted(
      (one, other) => one.value / one.against - other.value / other.against,
    )[1] as Run;
  });
}
