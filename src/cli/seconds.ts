import { LockstepError } from "../errors.ts";

/** `1.5` → 1500, for the option named. @throws LockstepError `bad-argument` */
export function parseSecondsMs(option: string, text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0) {
    throw new LockstepError(
      "bad-argument",
      `expected ${option} to be seconds above 0, got "${text}"`,
    );
  }
  return Number(text) * 1000;
}
