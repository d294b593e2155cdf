import type { LoadProgress } from "../../journal/fence.ts";
import type { Clock } from "../../ports/clock.ts";

/** Counts bytes, and reports the progress at each tenth of them. */
export function reportTenths(
  clock: Clock,
  totalBytes: number,
  report: (progress: LoadProgress) => void,
): (bytes: number) => void {
  const startMs = clock.monotonicMs();
  let [doneBytes, tenths] = [0, 0];
  return (bytes) => {
    doneBytes += bytes;
    const now = Math.min(10, Math.floor((10 * doneBytes) / Math.max(1, totalBytes)));
    if (now === tenths) return;
    tenths = now;
    const elapsedMs = clock.monotonicMs() - startMs;
    const etaMs = Math.round(Math.max(0, (elapsedMs * (totalBytes - doneBytes)) / doneBytes));
    report({ doneBytes, totalBytes, etaMs });
  };
}
