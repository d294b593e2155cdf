import { until } from "../../support/until.ts";
import { trip } from "../faults/trip.ts";
import { tripsTroubles } from "../faults/trips-troubles.ts";
import type { ChaosWorld, Sender } from "./chaos-world.ts";
import type { LoadedTrip } from "./load.ts";
import type { Watcher } from "./watcher.ts";

/** The writes of the application, against the events of the same transactions. */
async function ledgerTroubles(
  { store, databaseName }: ChaosWorld,
  { client }: Sender,
  trips: readonly LoadedTrip[],
): Promise<readonly string[]> {
  const ledger = client.db(databaseName).collection<{ _id: string }>("ledger");
  const written = new Set((await ledger.find().toArray()).map(({ _id }) => _id));
  const journals = await Promise.all(trips.map(({ id }) => store.entries(id, 0, 1_000)));
  const entries = journals.flat();
  // The nonces of entries in a caller's transaction begin so.
  const own = entries.filter(({ nonce, kind }) => kind === "caller" && nonce.startsWith("in-"));
  const applied = new Set(
    own.flatMap(({ eventKey, outcome }) =>
      outcome === "applied" && eventKey !== undefined ? [eventKey.replace("caller:", "")] : [],
    ),
  );
  return [
    ...[...written].filter((key) => !applied.has(key)).map((key) => `${key}: a write alone`),
    ...[...applied].filter((key) => !written.has(key)).map((key) => `${key}: an event alone`),
  ];
}

/** The list of the actors, which workers write behind. */
async function listTroubles(
  { engine }: Sender,
  trips: readonly LoadedTrip[],
): Promise<readonly string[]> {
  const ids = trips.map(({ id }) => id).toSorted();
  const listed = async () => {
    const { actors } = await engine.list({ machine: trip, status: "done" });
    return actors.map(({ id }) => id).join() === ids.join();
  };
  return until("the list of all trips", listed, 60_000).then(
    () => [],
    (error: unknown) => [String(error)],
  );
}

/** Everything that is wrong at the end of a run. It waits for the end of all trips. */
export async function endTroubles(
  world: ChaosWorld,
  reader: Sender,
  { trips, watchers }: { trips: readonly LoadedTrip[]; watchers: readonly Watcher[] },
): Promise<readonly string[]> {
  const { store } = world;
  const ids = trips.map(({ id }) => id);
  const hasEnded = async () => {
    const { tails } = await store.tails(ids).catch(() => ({ tails: [] }));
    const ended = tails.filter(({ status, work }) => status !== "active" && work.length === 0);
    return ended.length === ids.length;
  };
  // Those that have not ended by then are a trouble.
  await until("the end of all trips", hasEnded, 180_000).catch(() => {});
  const database = reader.client.db(world.databaseName);
  const tails = new Map((await store.tails(ids)).tails.map((tail) => [tail.actor, tail.revision]));
  const isSeen = () => watchers.every(({ id, revision }) => revision() === tails.get(id));
  const seen = await until("what watchers see", isSeen, 60_000).then(
    () => [],
    () => watchers.map(({ id, revision }) => `${id}: watched to ${revision()} of ${tails.get(id)}`),
  );
  return [
    ...(await tripsTroubles({ store, engine: reader.engine, database }, trips)),
    ...(await ledgerTroubles(world, reader, trips)),
    ...(await listTroubles(reader, trips)),
    ...watchers.flatMap(({ troubles }) => troubles),
    ...seen,
  ];
}
