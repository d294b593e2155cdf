const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A span of time for people, in one unit: `0.4 s`, `13.5 min`, `61.4 h`, `9.0 days`. Pure. */
export function timeText(ms: number): string {
  const known = Math.max(0, ms);
  if (known < 2 * minuteMs) return `${(known / 1_000).toFixed(1)} s`;
  if (known < 2 * hourMs) return `${(known / minuteMs).toFixed(1)} min`;
  if (known < 100 * hourMs) return `${(known / hourMs).toFixed(1)} h`;
  return `${(known / (24 * hourMs)).toFixed(1)} days`;
}
