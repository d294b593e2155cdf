import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { LockstepError, messageOf } from "../../errors.ts";
import { silentLog } from "../../log.ts";
import { databaseSize } from "../../mongo/requirements/space.ts";
import { rehearse } from "../../operator/rehearse.ts";
import { systemClock } from "../../ports/clock.ts";
import { noFaults } from "../../ports/fault-point.ts";
import { systemRandom } from "../../ports/random.ts";
import { defineSteps, type Step } from "../../upgrade/protocol/steps.ts";
import { exitCodes } from "../exit-codes.ts";
import { createProgress } from "../progress.ts";
import { bytesText, duration } from "../render.ts";
import type { Terminal } from "../run.ts";
import { withDatabase } from "../with-database.ts";
import type { BackupOptions } from "./backup.ts";

export interface RehearseOptions extends BackupOptions {
  readonly steps: string;
}

async function readSteps(path: string): Promise<readonly Step[]> {
  const module = (await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    throw new LockstepError("bad-argument", `${path} cannot be loaded: ${messageOf(error)}`);
  })) as { readonly steps?: readonly Step[] };
  if (!Array.isArray(module.steps)) {
    throw new LockstepError("bad-argument", `expected ${path} to export \`steps\`, an array`);
  }
  return defineSteps(module.steps);
}

/** `lockstep rehearse VERSION`: its schema steps on a proven copy, while the fleet runs on. */
export function rehearseCommand(
  version: string,
  options: RehearseOptions,
  terminal: Terminal,
): Promise<number> {
  return withDatabase({ ...options, work: "rehearsal" }, async (database) => {
    const steps = await readSteps(options.steps);
    const root = resolve(options.directory);
    const { dataSizeBytes } = await databaseSize(database.client, database.databaseName);
    const { from, to, result, changes, growthBytes } = await rehearse({
      ...database,
      onBytes: createProgress(2 * dataSizeBytes, options, terminal),
      ...{ steps, to: version, root, random: systemRandom },
      ...{ signal: terminal.signal, faultPoints: noFaults, clock: systemClock, log: silentLog },
    });
    if (options.json) {
      terminal.out(JSON.stringify({ type: "rehearsal", from, to, result, changes, growthBytes }));
      return result.kind === "done" ? exitCodes.done : exitCodes.failed;
    }
    if (result.kind === "failed") {
      const { code, message } = result.reason;
      // A step's own mistake is no wrong usage of the command.
      const told = code === "bad-argument" ? "step-failed" : (code as "step-failed");
      throw new LockstepError(told, `${from} → ${to}: ${message}`);
    }
    terminal.out(`${from} → ${to} passed on a copy; the live data was not touched`);
    for (const { step, durationMs, documents, batches, operations } of result.figures) {
      terminal.out(
        `  ${step}  ${duration(durationMs)}, ${documents} documents changed in ${batches} batches`,
      );
      for (const { operation, estimatedBytes, durationMs: tookMs } of operations) {
        terminal.out(`    ${operation}  ${duration(tookMs)}, about ${bytesText(estimatedBytes)}`);
      }
    }
    terminal.out(`  ${bytesText(growthBytes)} more on each member's disk`);
    for (const change of changes) terminal.out(`  ${change}`);
    return exitCodes.done;
  });
}
