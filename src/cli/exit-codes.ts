import type { ErrorCode } from "../errors.ts";

/** The exit codes of `lockstep`. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 4,
  waitTimedOut: 5,
  rolledBack: 6,
  blocked: 7,
  notServing: 8,
  unsafe: 9,
  interrupted: 130,
} as const;

const usage: readonly ErrorCode[] = ["bad-argument", "version-not-semver"];
const unreachable: readonly ErrorCode[] = [
  "database-unreachable",
  "not-a-replica-set",
  "no-majority",
  "no-master",
];

/** The exit code of an error. Pure. */
export function exitCodeOf(code: ErrorCode): number {
  if (usage.includes(code)) return exitCodes.usage;
  if (unreachable.includes(code)) return exitCodes.unreachable;
  return code === "timeout" ? exitCodes.waitTimedOut : exitCodes.failed;
}

/**
 * The exit code of troubles that are shown together, each with its code or null: one that says more than "failed" comes
 * first. Pure.
 */
export function exitCodeOfTroubles(codes: readonly (ErrorCode | null)[]): number {
  if (codes.length === 0) return exitCodes.done;
  const found = codes.map((code) => (code === null ? exitCodes.failed : exitCodeOf(code)));
  return found.find((code) => code !== exitCodes.failed) ?? exitCodes.failed;
}

/** The exit code of an upgrade that came to rest, or undefined while it moves. Pure. */
export function exitCodeOfState(state: string): number | undefined {
  switch (state) {
    case "done":
      return exitCodes.done;
    case "rolled-back":
      return exitCodes.rolledBack;
    case "blocked":
      return exitCodes.blocked;
    default:
      return undefined;
  }
}
