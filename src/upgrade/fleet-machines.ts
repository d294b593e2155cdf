import { agentMachine } from "../../machines/agent.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { protocol } from "../../machines/vocabulary.ts";
import type { EffectHandler, EngineMachine } from "../engine/engine.ts";
import { asUnreachable } from "../store/transient.ts";
import { controlWrites } from "./control-writes.ts";
import type { DatabaseSide } from "./database-side.ts";
import { participantEffects } from "./participant-effects.ts";
import type { World } from "./world.ts";

/** Trouble on the way to the database is told as such: it is no fault of the effect. */
function withNetwork(handlers: Readonly<Record<string, EffectHandler>>) {
  const wrap =
    (handler: EffectHandler): EffectHandler =>
    (params, context) =>
      handler(params, context).catch((error: unknown) => {
        throw asUnreachable(error);
      });
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [name, wrap(handler)]),
  );
}

/** Both machines, with their control writes and effects in this process. */
export function fleetMachines(
  world: World,
  database: DatabaseSide,
): Readonly<Record<string, EngineMachine>> {
  return {
    upgrade: {
      machine: upgradeMachine,
      protocol,
      writes: controlWrites,
      effects: withNetwork(database.coordinatorEffects(world)),
    },
    agent: {
      machine: agentMachine,
      protocol,
      effects: withNetwork(participantEffects(world, database)),
    },
  };
}
