import { LockstepError } from "../../errors.ts";

const unitsMs: Readonly<Record<string, number>> = { "": 1_000, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1.5`, `90s`, `10m` or `2h` as milliseconds, for the option named. @throws LockstepError `bad-argument` */
export function parseTimeMs(option: string, text: string): number {
  const [, figure = "", unit = ""] = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(text) ?? [];
  const ms = Number(figure) * (unitsMs[unit] ?? 0);
  if (ms > 0) return ms;
  throw new LockstepError(
    "bad-argument",
    `expected ${option} to be a time above 0, as 90 (seconds), 90s, 10m or 2h, got "${text}"`,
  );
}
