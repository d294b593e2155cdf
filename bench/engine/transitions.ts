import type { Document, IndexDescription, MongoClient } from "mongodb";
import { createEngine } from "../../src/engine/create-engine.ts";
import { silentLog } from "../../src/log.ts";
import type { Run } from "../figures.ts";
import { inParallel, perSecond } from "../in-parallel.ts";
import { withMaterial } from "../material.ts";
import { counter } from "./chart.ts";

const database = "engine";

/** A new collection, and the inserts of the same documents into it in groups, several on their way at once. */
export async function rawInserts(
  client: MongoClient,
  documents: readonly Document[],
  indexes: readonly IndexDescription[] = [],
): Promise<() => Promise<void>> {
  const groupSize = 500;
  const raw = client.db(database).collection("raw", {
    writeConcern: { w: "majority", j: true },
  });
  await raw.drop().catch(() => {});
  await client.db(database).createCollection("raw");
  if (indexes.length > 0) await raw.createIndexes([...indexes]);
  const groups = Math.ceil(documents.length / groupSize);
  return () =>
    inParallel(groups, 4, (group) =>
      raw.insertMany(documents.slice(group * groupSize, (group + 1) * groupSize), {
        ordered: false,
      }),
    );
}

/** So many of the latest entries of the journal, and its indexes but that of `_id`. */
export async function journalOf(client: MongoClient, count: number) {
  const journal = client.db(database).collection("lockstep_journal");
  const documents = await journal.find().sort({ ts: -1 }).limit(count).toArray();
  const found = await journal.indexes();
  const indexes = found.filter(({ name }) => name !== "_id_").map(({ v: _, ...index }) => index);
  return { documents, indexes: indexes as IndexDescription[] };
}

/** An engine for so many counters, the start of all of them, and an event to each in turn. */
export async function countersOf(client: MongoClient, actors: number, work = true) {
  const engine = await createEngine({
    client,
    database,
    machines: [counter],
    log: silentLog,
    work,
  });
  const idOf = (index: number) => `c-${index % actors}`;
  const start = () =>
    inParallel(actors, 1_000, (index) =>
      engine.start(counter, { id: idOf(index), input: { owner: `owner ${index}` } }),
    );
  const send = (index: number) => engine.send(counter, idOf(index), { type: "NEXT" });
  return { engine, start, send };
}

/** The rates of so many actors: their starts, and events that come to them in turn. */
export async function counterRates(
  client: MongoClient,
  { actors, transitions }: { actors: number; transitions: number },
): Promise<{ created: number; transitions: number }> {
  const { engine, start, send } = await countersOf(client, actors);
  const created = await perSecond(actors, start);
  await inParallel(actors, 1_000, send);
  const rate = await perSecond(transitions, () =>
    inParallel(transitions, Math.min(actors, 2_000), send),
  );
  await engine.close();
  return { created, transitions: rate };
}

/** Raw inserts per second of as many of the latest entries of the journal, without its indexes but that of `_id`, or with all. */
export async function rawCeiling(
  client: MongoClient,
  count: number,
  isIndexed = false,
): Promise<number> {
  const { documents, indexes } = await journalOf(client, count);
  return perSecond(count, await rawInserts(client, documents, isIndexed ? indexes : []));
}

/** Transitions per second of so many actors, each with one event on its way, against raw inserts of the same documents. */
export function transitionsOf(actors: number, transitions: number): () => Promise<Run> {
  return () =>
    withMaterial(async ({ client }) => {
      const rates = await counterRates(client, { actors, transitions });
      const against = await rawCeiling(client, transitions);
      const indexed = await rawCeiling(client, transitions, true);
      return {
        ...{ value: rates.transitions, against },
        parts: { "created/s": rates.created },
        partsAgainst: { "with the journal's indexes/s": indexed },
      };
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
