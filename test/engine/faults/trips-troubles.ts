import type { Db } from "mongodb";
import type { Engine } from "../../../src/engine/engine-api.ts";
import type { PastEntry } from "../../../src/engine/journal/entry.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { until } from "../../support/until.ts";
import { storedRow } from "../journal/store-under-test.ts";
import { type Booking, type Effect, trip } from "./trip.ts";

/** A trip as the test has asked for it. */
export interface AskedTrip {
  readonly id: string;
  readonly rounds: number;
  /** The keys of the events that were acknowledged. */
  readonly keys: readonly string[];
}

interface Means {
  readonly store: EngineStore<unknown>;
  readonly engine: Engine;
  readonly database: Db;
}

/** The results in a journal, by the names of their work, and the number of its timers that have fired. */
interface Seen {
  readonly results: Readonly<Record<string, string[]>>;
  readonly timers: number;
  readonly troubles: readonly string[];
}

/** Each result and each timer answers the entry before it. Pure. */
function seenIn(entries: readonly PastEntry[]): Seen {
  const results: Record<string, string[]> = { call: [], book: [], tell: [] };
  const troubles: string[] = [];
  let timers = 0;
  for (const [place, entry] of entries.slice(1).entries()) {
    const before = entries[place] as PastEntry;
    const { kind, eventKey, revision, actor } = entry;
    if (revision !== before.revision + 1) troubles.push(`${actor}: a gap below ${revision}`);
    if (kind === "timer") {
      timers += 1;
      const timer = before.timers.find(({ id }) => `timer:${id}` === eventKey);
      if (!timer) troubles.push(`${actor}: a timer that nobody armed: ${eventKey}`);
      else if (timer.dueAtMs > entry.atMs) troubles.push(`${actor}: early: ${eventKey}`);
    }
    if (kind === "result") {
      const work = before.work.find(({ id }) => `work:${id}` === eventKey);
      if (work) results[work.name]?.push(work.id);
      else troubles.push(`${actor}: a result that nobody asked for: ${eventKey}`);
    }
  }
  return { results, timers, troubles };
}

/** An entry in short. */
const told = ({ revision, kind, eventKey, nonce, state }: PastEntry) =>
  `${revision} ${kind} ${eventKey} ${nonce} ${state}`;

/** All troubles of one trip. */
async function troublesOf(
  { store, engine }: Means,
  { id, rounds, keys }: AskedTrip,
  work: { readonly effects: ReadonlySet<string>; readonly bookings: readonly Booking[] },
): Promise<readonly string[]> {
  const entries = await store.entries(id, 0, 1_000);
  const tail = entries.at(-1);
  if (tail?.state !== "home" || tail.work.length > 0) {
    const waiting = tail?.work.map(({ name }) => name);
    return [`${id}: left alone in ${tail?.state} with ${waiting} since ${tail?.atMs}`];
  }
  const { results, timers, troubles } = seenIn(entries);
  const { context } = await engine.get(trip, id);
  const { call = [], book = [], tell = [] } = results;
  const say = (isWrong: boolean, trouble: string) => (isWrong ? [`${id}: ${trouble}`] : []);
  const workIds = (outputs: readonly string[]) => outputs.map((text) => text.split("#")[0]).join();
  // A booking is of the very attempt whose result counted.
  const written = book.flatMap((asked) =>
    work.bookings.flatMap((each) => (each.work === asked ? `${asked}#${each.attempt}` : [])),
  );
  const taken = entries.filter(({ kind }) => kind === "caller").map(({ eventKey }) => eventKey);
  const lost = keys.filter((key) => !taken.includes(`caller:${key}`));
  await until(
    `the row of ${id}`,
    async () => (await storedRow(store, id))?.revision === tail.revision,
  );
  return [
    ...troubles,
    ...say(timers !== rounds, `${timers} timers fired`),
    ...Object.entries(results).flatMap(([name, ids]) =>
      say(ids.length !== rounds, `${ids.length} results of ${name}`),
    ),
    ...say(workIds(context.calls) !== call.join(), `called ${call}, knows ${context.calls}`),
    // A rare one: its journal says how it came to that.
    ...say(
      written.join() !== context.bookings.join(),
      `booked ${written}, knows ${context.bookings}: ${entries.map(told)}`,
    ),
    ...[...call, ...tell].flatMap((asked) =>
      say(!work.effects.has(asked), `no effect of ${asked}`),
    ),
    ...say(lost.length > 0, `acknowledged and lost: ${lost}`),
    ...say(taken.length !== context.pokes, `${context.pokes} pokes of ${taken}`),
  ];
}

/** The troubles of trips that should have come to their end. */
export async function tripsTroubles(
  means: Means,
  trips: readonly AskedTrip[],
): Promise<readonly string[]> {
  const effects = await means.database.collection<Effect>("effects").find().toArray();
  const bookings = await means.database.collection<Booking>("bookings").find().toArray();
  const work = { effects: new Set(effects.map((effect) => effect.work)), bookings };
  const troubles = await Promise.all(trips.map((each) => troublesOf(means, each, work)));
  const attempts = effects.map(({ work: id, attempt, fence }) => `${id}#${attempt}@${fence}`);
  const isTwice = new Set(attempts).size < attempts.length;
  return [...troubles.flat(), ...(isTwice ? ["two attempts cannot be told apart"] : [])];
}
