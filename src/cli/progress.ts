import { tellTenths } from "../database/backup/load-progress.ts";
import { bytesText, duration } from "./render.ts";
import type { Terminal } from "./run.ts";

/** Tells how far something is, at each tenth of its bytes. */
export function createProgress(
  totalBytes: number,
  options: { readonly json?: boolean },
  terminal: Terminal,
): (bytes: number) => void {
  return tellTenths(totalBytes, (progress) => {
    const { doneBytes, etaMs } = progress;
    terminal.out(
      options.json
        ? JSON.stringify({ type: "progress", ...progress })
        : `${bytesText(doneBytes)} of ${bytesText(totalBytes)}, ${duration(etaMs)} to go`,
    );
  });
}

/** Hears of bytes that are read, and ends the reading when the command is interrupted. */
export function interruptible(
  { signal }: Pick<Terminal, "signal">,
  onBytes: (bytes: number) => void = () => {},
): (bytes: number) => void {
  return (bytes) => {
    signal.throwIfAborted();
    onBytes(bytes);
  };
}
