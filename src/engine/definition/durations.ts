import { LockstepError } from "../../errors.ts";

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A duration in milliseconds: a number of them, or a text as `500ms`, `5s`, `10m`, `2h`, `30d`. Pure.
 * @throws LockstepError `bad-argument`
 */
export function parseDuration(what: string, duration: number | string): number {
  const [, figure, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? [];
  const ms =
    typeof duration === "number" ? duration : Number(figure) * (unitsMs[unit] ?? Number.NaN);
  if (!Number.isFinite(ms) || ms < 0) {
    throw new LockstepError(
      "bad-argument",
      `${what}: expected milliseconds or a text as "500ms", "5s", "10m", "2h", "30d", found ${JSON.stringify(duration)}`,
    );
  }
  return ms;
}

/**
 * The first and the longest pause of a text as `1s..1m`. Pure.
 * @throws LockstepError `bad-argument`
 */
export function parseBackoff(
  what: string,
  backoff: string,
): { readonly first: number; readonly longest: number } {
  const [first = "", longest = first, ...more] = backoff.split("..");
  const parsed = { first: parseDuration(what, first), longest: parseDuration(what, longest) };
  if (more.length > 0 || parsed.longest < parsed.first) {
    throw new LockstepError(
      "bad-argument",
      `${what}: expected the first and the longest pause as "1s..1m", found "${backoff}"`,
    );
  }
  return parsed;
}

/** The pause after an attempt: it doubles from the first to the longest. Pure. */
export function pauseAfter(
  attempt: number,
  { first, longest }: { readonly first: number; readonly longest: number },
): number {
  return Math.min(longest, first * 2 ** Math.min(attempt - 1, 30));
}
