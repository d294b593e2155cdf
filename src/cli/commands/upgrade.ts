import type { Deadlines } from "../../../machines/vocabulary.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { exitCodes } from "../exit-codes.ts";
import { type SharedOptions, type Terminal, withFleet } from "../run.ts";
import { parseTimeMs } from "../time-span.ts";
import { printAccepted, type WaitOptions, waitForEnd } from "../wait-for-end.ts";

export interface UpgradeOptions extends SharedOptions, WaitOptions {
  readonly wait: boolean;
  readonly waitTimeout?: string;
  readonly deadline?: readonly string[];
}

/** The deadlines by their names, with the default of each. */
const deadlineDefaultsMs: Readonly<Record<string, number>> = {
  waiting: limits.waitingDeadlineMs,
  "backing-up": limits.backingUpDeadlineMs,
  "no-progress": limits.noProgressDeadlineMs,
  peers: limits.peersDeadlineMs,
  silent: limits.silentDeadlineMs,
  "rolling-back": limits.rollingBackDeadlineMs,
};

/** `waiting=900, …`: every deadline as one would set it. Pure. */
export function deadlinesText(): string {
  const texts = Object.entries(deadlineDefaultsMs).map(([name, ms]) => `${name}=${ms / 1_000}`);
  return `${texts.join(", ")} (seconds)`;
}

/** `waiting=30` (seconds) → `{ waitingMs: 30000 }`. */
function parseDeadlines(texts: readonly string[]): Partial<Deadlines> {
  const parsed = texts.map((text) => {
    const [name = "", seconds = ""] = text.split("=");
    if (deadlineDefaultsMs[name] === undefined) {
      throw new LockstepError(
        "bad-argument",
        `expected NAME=SECONDS with NAME one of ${Object.keys(deadlineDefaultsMs).join(", ")}, got "${text}"`,
      );
    }
    const key = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    return [`${key}Ms`, parseTimeMs(`--deadline ${name}`, seconds)] as const;
  });
  return Object.fromEntries(parsed);
}

/** `lockstep upgrade VERSION`: asks the master for it and waits for the end. */
export async function upgrade(
  version: string,
  options: UpgradeOptions,
  terminal: Terminal,
): Promise<number> {
  const deadlines = parseDeadlines(options.deadline ?? []);
  const waitTimeoutMs =
    options.waitTimeout === undefined
      ? undefined
      : parseTimeMs("--wait-timeout", options.waitTimeout);
  return withFleet(options, terminal, async (fleet) => {
    const accepted = await fleet.upgrade(version, { deadlines });
    printAccepted(accepted, options, terminal);
    if (!options.wait) return exitCodes.done;
    return waitForEnd(fleet, accepted.upgradeId, options, terminal, waitTimeoutMs);
  });
}
