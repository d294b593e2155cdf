import { agentMachine } from "../../machines/agent.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { protocol } from "../../machines/vocabulary.ts";
import type { EngineMachine } from "../engine/engine.ts";
import { coordinatorEffects } from "./coordinator-effects.ts";
import { participantEffects } from "./participant-effects.ts";
import { acceptWrite, commitWrite, endRollBackWrites, turnBackWrite } from "./versions.ts";
import type { World } from "./world.ts";

type Params = Readonly<Record<string, unknown>>;
const text = (params: Params, name: string) => String(params[name]);

/** Both machines, with their control writes and effects in this process. */
export function fleetMachines(world: World): Readonly<Record<string, EngineMachine>> {
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
      effects: coordinatorEffects(world),
    },
    agent: { machine: agentMachine, protocol, effects: participantEffects(world) },
  };
}
