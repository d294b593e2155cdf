import type { Deadlines } from "../../../machines/vocabulary.ts";
import { LockstepError } from "../../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { type SharedOptions, type Terminal, withFleet } from "../run.ts";
import { parseSecondsMs } from "../seconds.ts";
import { tellAccepted, waitForEnd } from "../wait-for-end.ts";

export interface UpgradeOptions extends SharedOptions {
  readonly wait: boolean;
  readonly waitTimeout?: string;
  readonly deadline?: readonly string[];
}

const deadlineNames = ["waiting", "backing-up", "no-progress", "peers", "rolling-back"] as const;

/** `waiting=30` (seconds) → `{ waitingMs: 30000 }`. */
function parseDeadlines(texts: readonly string[]): Partial<Deadlines> {
  const parsed = texts.map((text) => {
    const [name = "", seconds = ""] = text.split("=");
    if (!deadlineNames.some((candidate) => candidate === name)) {
      throw new LockstepError(
        "bad-argument",
        `expected NAME=SECONDS with NAME one of ${deadlineNames.join(", ")}, got "${text}"`,
      );
    }
    const key = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    return [`${key}Ms`, parseSecondsMs(`--deadline ${name}`, seconds)] as const;
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
      : parseSecondsMs("--wait-timeout", options.waitTimeout);
  return withFleet(options, terminal, async (fleet) => {
    const accepted = await fleet.upgrade(version, { deadlines });
    tellAccepted(accepted, options, terminal);
    if (!options.wait) return exitCodes.done;
    return waitForEnd(fleet, accepted.upgrade, options, terminal, waitTimeoutMs);
  });
}
