import { exitForUndrained } from "../launcher/agent-side.ts";
import { createGate, type Gate } from "../upgrade/participant/gate/gate.ts";
import type { Openings } from "../upgrade/participant/gate/openings.ts";
import type { AgentProcessOptions, RunPorts } from "./run-agent.ts";

/**
 * The gate in front of the application of an agent. The launcher and the listeners of the agent get its steps.
 * @param onOpened is called once the application has begun
 */
export function applicationGate(
  options: AgentProcessOptions,
  ports: Pick<RunPorts, "store" | "clock" | "log">,
  openings: Openings,
  onOpened: () => void,
): Gate {
  const { agent, incarnation, version, gate, lifecycle, exit } = options;
  const { drainTimeoutMs, reportDraining, reportDrained, reportOpening } = options;
  const { store, clock, log } = ports;
  return createGate({
    ...{ store, agent, incarnation, version, log },
    safeMode: options.safeMode?.message ?? null,
    keepVersion: () => options.writeDefaultVersion(version),
    drain: {
      ...{ clock, drainTimeoutMs, reportDraining, reportDrained },
      leaveUndrained() {
        lifecycle.emit("leaving", { exitCode: exitForUndrained });
        exit(exitForUndrained);
      },
    },
    listener: openings.listening({
      onOpen: async () => {
        await reportOpening("begun");
        try {
          await gate.onOpen();
        } catch (error) {
          void reportOpening("failed");
          throw error;
        }
        void reportOpening("done");
        lifecycle.emit("gateOpened", {});
        onOpened();
      },
      async onShut(drain) {
        await gate.onShut(drain);
        lifecycle.emit("gateShut", {});
      },
    }),
  });
}
