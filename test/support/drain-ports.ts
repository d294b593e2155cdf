import type { Clock } from "../../src/ports/clock.ts";
import type { DrainPorts } from "../../src/upgrade/participant/gate/drain.ts";
import { createVirtualClock } from "./virtual-clock.ts";

/** The ports of a drain that nobody hears of, with a limit of ten seconds. */
export function drainPorts(clock: Clock = createVirtualClock()): DrainPorts {
  return {
    ...{ clock, drainTimeoutMs: 10_000 },
    reportDraining: async () => {},
    reportDrained() {},
    leaveUndrained() {},
  };
}
