import { systemClock } from "../ports/clock.ts";
import { bytesText, duration } from "./render.ts";
import type { Terminal } from "./run.ts";

/** Tells how far something is, at each tenth of its bytes. */
export function createProgress(
  totalBytes: number,
  options: { readonly json?: boolean },
  terminal: Terminal,
): (bytes: number) => void {
  const startMs = systemClock.monotonicMs();
  let doneBytes = 0;
  let tenths = 0;
  return (bytes) => {
    doneBytes += bytes;
    const now = Math.min(10, Math.floor((10 * doneBytes) / Math.max(1, totalBytes)));
    if (now === tenths) return;
    tenths = now;
    const elapsedMs = systemClock.monotonicMs() - startMs;
    const etaMs = Math.max(0, (elapsedMs * (totalBytes - doneBytes)) / doneBytes);
    terminal.out(
      options.json
        ? JSON.stringify({ type: "progress", doneBytes, totalBytes, etaMs: Math.round(etaMs) })
        : `${bytesText(doneBytes)} of ${bytesText(totalBytes)}, ${duration(etaMs)} to go`,
    );
  };
}
