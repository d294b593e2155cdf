import { counted } from "../../../counted.ts";
import { LockstepError } from "../../../errors.ts";
import { rehearseByHand } from "../../../operator/by-hand/data-by-hand.ts";
import { timeSpan } from "../../../time-span.ts";
import { exitCodes } from "../../exit-codes.ts";
import { readSteps } from "../../input/read-steps.ts";
import { jsonLine } from "../../output/json-line.ts";
import { bytesText } from "../../render/fleet.ts";
import { printNotice, printProgress } from "../../render/progress.ts";
import { fleetOptions, type Terminal } from "../../run.ts";
import type { BackupOptions } from "./backup.ts";

export interface RehearseOptions extends BackupOptions {
  readonly steps: string;
}

/** `lockstep rehearse VERSION`: runs its schema steps on a proven copy while the fleet runs on. */
export async function rehearseCommand(
  version: string,
  options: RehearseOptions,
  terminal: Terminal,
): Promise<number> {
  const { from, to, result, changes, growthBytes } = await rehearseByHand({
    ...fleetOptions(options, terminal),
    ...{ directory: options.directory, to: version, readSteps: () => readSteps(options.steps) },
    onNotice: printNotice(options, terminal),
    onProgress: printProgress(options, terminal),
  });
  if (options.json) {
    terminal.out(jsonLine({ type: "rehearsal", from, to, result, changes, growthBytes }));
    return result.kind === "done" ? exitCodes.done : exitCodes.failed;
  }
  if (result.kind === "failed") {
    const { code, message } = result.reason;
    // A mistake in a step is no wrong usage of the command.
    const shown = code === "bad-argument" ? "step-failed" : (code as "step-failed");
    throw new LockstepError(shown, `${from} → ${to}: ${message}`);
  }
  if (result.figures.length === 0) {
    terminal.out(
      `no step of ${options.steps} lies between ${from} and ${to} that changes the database: nothing was run`,
    );
    return exitCodes.done;
  }
  terminal.out(`${from} → ${to} passed on a copy; the live data was not touched`);
  for (const { step, durationMs, documents, batches, operations } of result.figures) {
    terminal.out(
      `  ${step}  ${timeSpan(durationMs)}, ${counted(documents, "document")} changed in ${counted(batches, "batch", "batches")}`,
    );
    for (const { operation, estimatedBytes, durationMs: tookMs } of operations) {
      terminal.out(`    ${operation}  ${timeSpan(tookMs)}, about ${bytesText(estimatedBytes)}`);
    }
  }
  terminal.out(`  ${bytesText(growthBytes)} more on each member's disk`);
  for (const change of changes) terminal.out(`  ${change}`);
  return exitCodes.done;
}
