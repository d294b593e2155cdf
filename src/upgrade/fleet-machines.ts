import { agentMachine } from "../../machines/agent.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { protocol } from "../../machines/vocabulary.ts";
import type { EffectHandler, EngineMachine } from "../engine/engine.ts";
import { asUnreachable } from "../store/transient.ts";
import type { DatabaseSide } from "./database-side.ts";
import { participantEffects } from "./participant-effects.ts";
import { acceptWrite, commitWrite, endRollBackWrites, turnBackWrite } from "./versions.ts";
import type { World } from "./world.ts";

type Params = Readonly<Record<string, unknown>>;
const text = (params: Params, name: string) => String(params[name]);

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
      writes: {
        accept: (params: Params) => [
          acceptWrite(text(params, "from"), text(params, "to"), text(params, "upgrade")),
        ],
        turnBack: (params: Params) => [
          turnBackWrite(text(params, "from"), text(params, "to"), text(params, "upgrade")),
        ],
        commit: (params: Params) => [
          commitWrite(text(params, "from"), text(params, "to"), text(params, "upgrade")),
        ],
        endRollBack: (params: Params) =>
          endRollBackWrites(
            text(params, "from"),
            text(params, "to"),
            text(params, "upgrade"),
            params["debtors"] as string[],
          ),
      },
      effects: withNetwork(database.coordinatorEffects(world)),
    },
    agent: {
      machine: agentMachine,
      protocol,
      effects: withNetwork(participantEffects(world, database)),
    },
  };
}
