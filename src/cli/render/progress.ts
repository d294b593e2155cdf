import type { LoadProgress } from "../../operator/status.ts";
import { timeSpan } from "../../time-span.ts";
import { jsonLine } from "../output/json-line.ts";
import type { Terminal } from "../run.ts";
import { bytesText } from "./fleet.ts";

/** Prints how far something is. */
export function printProgress(
  options: { readonly json?: boolean },
  terminal: Terminal,
): (progress: LoadProgress) => void {
  return (progress) => {
    const { doneBytes, totalBytes, etaMs } = progress;
    terminal.out(
      options.json
        ? jsonLine({ type: "progress", ...progress })
        : `${bytesText(doneBytes)} of ${bytesText(totalBytes)}, ${timeSpan(etaMs)} to go`,
    );
  };
}

/** Prints what an operator should know of the work. */
export function printNotice(
  options: { readonly json?: boolean },
  terminal: Terminal,
): (text: string) => void {
  return (message) =>
    terminal.out(options.json ? jsonLine({ type: "notice", message }) : `notice: ${message}`);
}
