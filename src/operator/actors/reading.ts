import { unknownActor } from "../../engine/actor/applying.ts";
import { checkedId } from "../../engine/actor/checked-names.ts";
import type { DurableMachine } from "../../engine/definition/durable.ts";
import type { Entry } from "../../engine/journal/entry.ts";
import type { EngineStore } from "../../engine/journal/store.ts";
import { openReader } from "../../engine/open-reader.ts";
import type { Reader } from "../../engine/reader.ts";
import { systemClock } from "../../ports/clock.ts";
import { systemRandom } from "../../ports/random.ts";
import type { OpenEngine } from "./open-engine.ts";

/** The means of a look at actors. */
export type Reading = Pick<OpenEngine, "store" | "database" | "signal" | "log">;

/** Reads actors with the machines that the caller has. */
export function readerOf(
  { store, signal, log }: Reading,
  machines: readonly DurableMachine[],
): Reader {
  return openReader(machines, { store, log, clock: systemClock, random: systemRandom }, signal);
}

/**
 * The latest entry of an actor.
 * @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken`
 */
export async function tailOf(store: EngineStore, id: string): Promise<Entry> {
  const tail = await store.tail(checkedId(id));
  if (tail === undefined) throw unknownActor(id);
  return tail;
}
