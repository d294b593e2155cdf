import { systemClock } from "../../ports/clock.ts";

/** How far the moving of so many bytes is. */
export interface LoadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Milliseconds to go, by what it took so far. */
  readonly etaMs: number;
}

/** Hears of bytes, and tells at each tenth of them how far it is. */
export function tellTenths(
  totalBytes: number,
  tell: (progress: LoadProgress) => void,
): (bytes: number) => void {
  const startMs = systemClock.monotonicMs();
  let [doneBytes, tenths] = [0, 0];
  return (bytes) => {
    doneBytes += bytes;
    const now = Math.min(10, Math.floor((10 * doneBytes) / Math.max(1, totalBytes)));
    if (now === tenths) return;
    tenths = now;
    const elapsedMs = systemClock.monotonicMs() - startMs;
    const etaMs = Math.round(Math.max(0, (elapsedMs * (totalBytes - doneBytes)) / doneBytes));
    tell({ doneBytes, totalBytes, etaMs });
  };
}
