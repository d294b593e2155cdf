import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { MongoClient } from "mongodb";
import { partitionOf } from "../../src/engine/actor/partition.ts";
import { createEngine } from "../../src/engine/create-engine.ts";
import { silentLog } from "../../src/log.ts";
import type { Run } from "../figures.ts";
import { inParallel } from "../in-parallel.ts";
import { type Material, withMaterial } from "../material.ts";
import { sleeper } from "./chart.ts";

const database = "engine";
const child = fileURLToPath(new URL("./worker-child.js", import.meta.url));

async function startWorker(url: string): Promise<ChildProcess> {
  const worker = fork(child, [url, database], { execArgv: ["--expose-gc"] });
  await once(worker, "message");
  return worker;
}

async function stopWorker(worker: ChildProcess): Promise<void> {
  const gone = once(worker, "exit");
  worker.kill("SIGTERM");
  await gone;
}

async function memoryOf(worker: ChildProcess): Promise<number> {
  const answer = once(worker, "message");
  worker.send("memory");
  return ((await answer)[0] as { heap: number }).heap;
}

/** Looks every 20 ms until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const journal = (client: MongoClient) => client.db(database).collection("lockstep_journal");
/** Each of so many sleepers has its second entry. The count costs the servers nothing. */
const allFired = async (client: MongoClient, sleepers: number) =>
  (await journal(client).estimatedDocumentCount()) >= 2 * sleepers;

async function createSleepers(
  client: MongoClient,
  ids: readonly string[],
  untilMs: (index: number) => number,
): Promise<void> {
  const engine = await createEngine({
    ...{ client, database, machines: [sleeper], work: false, log: silentLog },
  });
  await inParallel(ids.length, 2_000, (index) =>
    engine.start(sleeper, { id: ids[index] as string, input: { untilMs: untilMs(index) } }),
  );
  await engine.close();
}

async function partitionsOwned(client: MongoClient): Promise<Map<string, string>> {
  const found = await client
    .db(database)
    .collection<{ _id: string; worker: string | null }>("lockstep_partitions")
    .find()
    .toArray();
  return new Map(found.map((record) => [record._id, String(record.worker)]));
}

/** Both workers have their share. */
async function shared(client: MongoClient): Promise<Map<string, string>> {
  let owners = new Map<string, string>();
  await until(async () => {
    owners = await partitionsOwned(client);
    const counts = [...new Set(owners.values())].map(
      (worker) => [...owners.values()].filter((owner) => owner === worker).length,
    );
    return counts.length === 2 && counts.every((count) => count === owners.size / 2);
  });
  return owners;
}

const takenOver = 10_000;

async function takeoverOnce({ client, set }: Material): Promise<Run> {
  const dying = await startWorker(set.url());
  const ownName = await ownerOf(client);
  const heir = await startWorker(set.url());
  const owners = await shared(client);
  const ids: string[] = [];
  for (let number = 0; ids.length < takenOver; number += 1) {
    const id = `s-${number}`;
    if (owners.get(partitionOf("sleeper", id)) === ownName) ids.push(id);
  }
  const dueMs = Date.now() + 20_000;
  await createSleepers(client, ids, () => dueMs);
  await until(async () => Date.now() > dueMs - 500);
  dying.kill("SIGKILL");
  const killedMs = performance.now();
  await until(() => allFired(client, takenOver));
  const value = (performance.now() - killedMs) / 1_000;
  await stopWorker(heir);
  return { value, against: 5, parts: { actors: takenOver } };
}

async function ownerOf(client: MongoClient): Promise<string> {
  let owners: readonly string[] = [];
  await until(async () => {
    owners = [...new Set((await partitionsOwned(client)).values())];
    return owners.length === 1 && owners[0] !== "null";
  });
  return owners[0] as string;
}

/** Seconds from the kill of a worker with 10,000 actors to the last of their timers, which are due half a second later. Against: the promise. */
export function engineTakeover(): Promise<Run> {
  return withMaterial(takeoverOnce);
}

/** Bytes of documents, on disk and of indexes that one collection takes for each actor. */
async function storageOf(client: MongoClient, name: string, actors: number) {
  const [stats] = await client
    .db(database)
    .collection(`lockstep_${name}`)
    .aggregate<{ storageStats: { size: number; storageSize: number; totalIndexSize: number } }>([
      { $collStats: { storageStats: {} } },
    ])
    .toArray();
  const { size = 0, storageSize = 0, totalIndexSize = 0 } = stats?.storageStats ?? {};
  return {
    [`${name}, bytes of documents an actor`]: size / actors,
    [`${name}, bytes on disk an actor`]: storageSize / actors,
    [`${name}, bytes of indexes an actor`]: totalIndexSize / actors,
  };
}

/** Seconds from the start of a worker until a new timer of it has fired. */
async function startTime(
  { client, set }: Material,
  name: string,
): Promise<{ seconds: number; worker: ChildProcess }> {
  const startMs = performance.now();
  const worker = await startWorker(set.url());
  await createSleepers(client, [name], () => Date.now());
  const fired = { _id: { actor: name, revision: 1 } as never };
  await until(async () => (await journal(client).findOne(fired)) !== null);
  return { seconds: (performance.now() - startMs) / 1_000, worker };
}

/**
 * The heap in bytes of a worker with so many idle actors that have a far timer, and the seconds until it fires a new
 * timer: at the first start, which meets actors of which no worker has heard, and at a later one.
 */
export function manyActors(): Promise<Run> {
  return withMaterial(async (material) => {
    const { client, set } = material;
    const parts: Record<string, number> = {};
    const far = Date.now() + 86_400_000;
    const empty = await startWorker(set.url());
    await ownerOf(client);
    const baseBytes = await memoryOf(empty);
    await stopWorker(empty);
    const rows = client.db(database).collection("lockstep_actors");
    let known = 0;
    let probes = 0;
    for (const count of [100, 1_000, 10_000, 100_000]) {
      const ids = Array.from({ length: count - known }, (_, index) => `s-${known + index}`);
      await createSleepers(client, ids, () => far);
      known = count;
      const first = await startTime(material, `first-${count}`);
      probes += 1;
      await until(async () => (await rows.estimatedDocumentCount()) >= known + probes);
      parts[`first start with ${count}, s`] = first.seconds;
      parts[`heap with ${count}, bytes`] = (await memoryOf(first.worker)) - baseBytes;
      await stopWorker(first.worker);
      const later = await startTime(material, `later-${count}`);
      probes += 1;
      parts[`later start with ${count}, s`] = later.seconds;
      await stopWorker(later.worker);
    }
    // Until a checkpoint, a part is in memory alone.
    await client.db("admin").command({ fsync: 1 });
    for (const name of ["journal", "actors"]) {
      Object.assign(parts, await storageOf(client, name, known));
    }
    const of = (count: number) => parts[`later start with ${count}, s`] ?? Number.NaN;
    return { value: of(100_000), against: of(100), parts };
  });
}

/** How late 100,000 timers fire that are due within a minute: the 99th percentile in ms, against the median. */
export function timers(): Promise<Run> {
  return withMaterial(async ({ client, set }) => {
    const count = 100_000;
    const ids = Array.from({ length: count }, (_, index) => `s-${index}`);
    const firstMs = Date.now() + 120_000;
    const worker = await startWorker(set.url());
    await createSleepers(client, ids, (index) => firstMs + (index * 60_000) / count);
    await until(() => allFired(client, count));
    const due = await journal(client)
      .aggregate<{ lateMs: number }>(
        [
          { $match: { "_id.revision": { $in: [0, 1] } } },
          { $sort: { _id: 1 } },
          {
            $group: {
              _id: "$_id.actor",
              due: { $max: { $first: "$timers.dueAtMs" } },
              fired: { $max: { $cond: [{ $eq: ["$kind", "timer"] }, "$atMs", 0] } },
            },
          },
          { $project: { lateMs: { $subtract: ["$fired", "$due"] } } },
          { $sort: { lateMs: 1 } },
        ],
        { allowDiskUse: true },
      )
      .toArray();
    await stopWorker(worker);
    const at = (share: number) => due[Math.floor(due.length * share)]?.lateMs ?? Number.NaN;
    return {
      value: at(0.99),
      against: at(0.5),
      parts: { p50: at(0.5), p99: at(0.99), max: at(0.99999) },
    };
  });
}
