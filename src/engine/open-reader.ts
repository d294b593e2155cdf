import { Actors } from "./actor/actors.ts";
import { createDatabaseClock } from "./actor/database-clock.ts";
import { HintHub } from "./actor/hints/hint-hub.ts";
import type { EnginePorts } from "./create-engine.ts";
import type { DurableMachine } from "./definition/durable.ts";
import { createRegistry } from "./definition/registry.ts";
import { Reader } from "./reader.ts";

/**
 * Reads the actors of an engine, and creates nothing there: no collection, no index, no partition, no worker. Without
 * the machine of an actor it can tell all but the events that its state takes.
 * @throws LockstepError `machine-differs`
 */
export function openReader(
  machines: readonly DurableMachine[],
  ports: Omit<EnginePorts, "host" | "pid">,
  closing: AbortSignal,
): Reader {
  const { store, clock, log } = ports;
  const registry = createRegistry(machines);
  const databaseClock = createDatabaseClock(store, clock);
  const actors = new Actors({ ...ports, registry, databaseClock, onLargeReplaced() {} });
  const hints = new HintHub({ store, log, except: actors.nonces });
  return new Reader({ store, clock, actors, hints, registry }, closing);
}
