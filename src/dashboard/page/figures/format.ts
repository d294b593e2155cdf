import { timeSpan } from "../../../time-span.ts";

/** A span of time, in whole seconds below a minute: tenths of an age would never stand still. Pure. */
export function span(ms: number): string {
  return ms < 60_000 ? `${Math.max(0, Math.floor(ms / 1_000))} s` : timeSpan(ms);
}

/** A time left as a clock shows it: `0:09`, `14:59`, `1:00:00`. Pure. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours = 0, minutes = 0, rest = 0] = parts;
  const padded = (part: number) => String(part).padStart(2, "0");
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

/** A number with groups of three: `12 500`. Pure. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A part of a whole from 0 to 1, or null where the whole is not known. Pure. */
export function part(done: number, total: number | null): number | null {
  if (total === null || total <= 0) return null;
  return Math.min(1, Math.max(0, done / total));
}

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  ...{ month: "short", day: "numeric", hour: "numeric", minute: "2-digit" },
});

/** A moment in the reader's time zone. */
export const clockText = (ms: number) => clockFormat.format(ms);
export const dayText = (ms: number) => dayFormat.format(ms);

/** A moment in UTC, for comparing with logs. Pure. */
export const utcText = (ms: number) =>
  `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
