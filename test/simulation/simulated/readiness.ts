import type { Store } from "../../../src/journal/store.ts";
import type { ReadinessCheck } from "../../../src/upgrade/participant/readiness.ts";
import type { Draw } from "../draw.ts";
import { dataDocument, type Misbehaviour } from "./data.ts";
import type { SimulatedProcess } from "./process.ts";

/** The readiness check of one process. It looks at the migrated data, and goes wrong on one host as drawn. */
export function readinessOn(host: {
  readonly name: string;
  readonly version: string;
  readonly simulatedProcess: SimulatedProcess;
  /** As this process reaches it. */
  readonly store: Store;
  readonly draw: Draw;
  misbehaviour(version: string): Misbehaviour;
  checkReadiness(name: string, version: string): Promise<void>;
}): ReadinessCheck {
  const { name, version, simulatedProcess, store, draw } = host;
  return async (signal) => {
    await simulatedProcess.turn();
    const { kind, host: where } = host.misbehaviour(version);
    await host.checkReadiness(name, version);
    await simulatedProcess.clock.sleep(1 + draw.below(300), signal);
    signal.throwIfAborted();
    if (name !== `a${where + 1}`) return;
    if (kind === "readiness-fails") throw new Error("as drawn");
    if (kind === "readiness-kills") simulatedProcess.kill();
    await simulatedProcess.turn();
    if (kind === "readiness-writes") {
      await store.write([{ ...dataDocument, expect: {}, increment: { foreign: 1 } }]);
    }
    if (kind === "readiness-hangs") {
      await simulatedProcess.clock.sleep(Number.MAX_SAFE_INTEGER, signal);
      signal.throwIfAborted();
    }
  };
}
