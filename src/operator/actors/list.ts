import type { List, ListPage } from "../../engine/engine-api.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Reading, readerOf } from "./reading.ts";

/** The actors of one page, and how far they may be behind. */
export interface ListedActors extends List {
  readonly database: string;
  /** The number of living workers that run the machine that was asked for, or any. Without one, nobody writes the list. */
  readonly workers: number;
  /** By the database's clock. */
  readonly nowMs: number;
}

/** The choice of the actors of one page. */
export interface ActorsQuery extends ListPage {
  readonly machine?: string;
  readonly state?: string;
  readonly tag?: string;
  /** Only actors that have been in their state for so long or longer, in milliseconds. */
  readonly waitingFor?: number;
}

/**
 * One page of the actors, as their workers have last written them down.
 * @throws LockstepError `bad-argument`, `machine-unknown`
 */
export async function listActors(
  reading: Reading,
  { waitingFor, ...query }: ActorsQuery,
): Promise<ListedActors> {
  const { store, database } = reading;
  const { machine } = query;
  if (machine !== undefined) await requireMachine(store, machine, database);
  const nowMs = await store.nowMs();
  const since = waitingFor === undefined ? {} : { waitingSince: new Date(nowMs - waitingFor) };
  const list = await readerOf(reading, []).list({ ...query, ...since });
  const alive = (await store.workers()).filter(
    ({ isExpired, machines }) =>
      !isExpired &&
      (machine === undefined || machines.some((each) => each.startsWith(`${machine}@`))),
  );
  return { ...list, database, workers: alive.length, nowMs };
}

/** The names of all machines. Each engine makes the partitions of its machines before it starts an actor. */
export async function machineNames(store: EngineStore): Promise<readonly string[]> {
  return [...new Set((await store.partitions()).map((each) => each.machine))].toSorted();
}

async function requireMachine(
  store: EngineStore,
  machine: string,
  database: string,
): Promise<void> {
  const names = await machineNames(store);
  if (names.includes(machine)) return;
  const shown = names.slice(0, limits.namesShownMax).join(", ");
  throw new LockstepError(
    "machine-unknown",
    `expected a machine of the engine in "${database}", found "${machine}" beside ${shown === "" ? "no machine at all" : shown}: correct its name`,
    { machine, found: names.slice(0, limits.namesShownMax) },
  );
}
