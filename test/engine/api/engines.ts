import { onTestFinished } from "vitest";
import { startEngine } from "../../../src/engine/create-engine.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

/** One database in memory, in virtual time, and the processes on it. */
export interface EngineWorld {
  readonly store: EngineStore;
  readonly clock: VirtualClock;
  /** Starts a process. It ends with the test. */
  engine(options: Parameters<typeof startEngine>[0]): Promise<Engine>;
  /** Ends a process in order. */
  close(engine: Engine): Promise<void>;
  /** The warnings of the processes. */
  readonly warnings: readonly { readonly fields: object; readonly message: string }[];
}

export function createEngineWorld(): EngineWorld {
  const clock = createVirtualClock();
  const store = createMemoryEngineStore({
    nowMs: () => clock.monotonicMs(),
  }) as EngineStore<unknown>;
  const warnings: { fields: object; message: string }[] = [];
  const log = {
    ...silentLog,
    warn: (fields: object, message: string) => void warnings.push({ fields, message }),
  } as typeof silentLog;
  let processes = 0;
  const close = async (engine: Engine) => {
    const closing = engine.close();
    // Work that ignores its end is left after its grace.
    await clock.advance(limits.workStopGraceMs);
    await closing;
  };
  return {
    ...{ store, clock, warnings, close },
    async engine(options) {
      processes += 1;
      const ports = { store, clock, random: systemRandom, log, host: "here", pid: processes };
      const engine = await startEngine(options, ports);
      onTestFinished(() => close(engine));
      return engine;
    },
  };
}
