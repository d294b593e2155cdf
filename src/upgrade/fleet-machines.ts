import type { EngineMachine } from "../fleet-engine/engine.ts";
import { asUnreachable } from "../mongo/transient.ts";
import type { AgentWorld } from "./agent-world.ts";
import { controlWrites } from "./coordinator/control-writes.ts";
import {
  type CoordinatorEffects,
  coordinatorEffects,
} from "./coordinator/effects/coordinator-effects.ts";
import { type Handlers, onlyReady, wrapped } from "./coordinator/effects/only-ready.ts";
import { shipped } from "./fleet-journal.ts";
import { type ParticipantEffects, participantEffects } from "./participant/participant-effects.ts";

/** Effects that are typed by their machine, as the engine calls them: with what the machine gave them. */
function handlersOf(effects: CoordinatorEffects | ParticipantEffects): Handlers {
  return effects as unknown as Handlers;
}

/** Trouble on the way to the database is reported as such: it is no fault of the effect. */
function withNetwork(handlers: Handlers) {
  return wrapped(
    handlers,
    (handler) => (params, context) =>
      handler(params, context).catch((error: unknown) => {
        throw asUnreachable(error);
      }),
  );
}

/** Both machines, with their control writes and effects in this process. */
export function fleetMachines(world: AgentWorld): Readonly<Record<string, EngineMachine>> {
  return {
    upgrade: {
      ...shipped.upgrade,
      writes: controlWrites,
      effects: withNetwork(onlyReady(world, handlersOf(coordinatorEffects(world)))),
    },
    participant: {
      ...shipped.participant,
      effects: withNetwork(handlersOf(participantEffects(world))),
    },
  };
}
