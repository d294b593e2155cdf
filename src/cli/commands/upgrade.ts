import type { Deadlines } from "../../../machines/vocabulary.ts";
import { LockstepError } from "../../errors.ts";
import { exitCodeOfState, exitCodes } from "../exit-codes.ts";
import { renderChange, renderStatus } from "../render.ts";
import { type SharedOptions, type Terminal, withFleet } from "../run.ts";
import { parseSecondsMs } from "../seconds.ts";

export interface UpgradeOptions extends SharedOptions {
  readonly wait: boolean;
  readonly waitTimeout?: string;
  readonly deadline?: readonly string[];
}

const deadlineNames = ["waiting", "backing-up", "no-progress", "peers", "rolling-back"] as const;

/** `waiting=30` (seconds) → `{ waitingMs: 30000 }`. */
export function parseDeadlines(texts: readonly string[]): Partial<Deadlines> {
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
  return withFleet(options, async (fleet) => {
    const accepted = await fleet.upgrade(version, { deadlines });
    terminal.out(
      options.json
        ? JSON.stringify({ type: "accepted", ...accepted })
        : `accepted as ${accepted.upgrade}`,
    );
    if (!options.wait) return exitCodes.done;
    let told = "";
    const status = await fleet.watch(
      (seen) => {
        if (seen.upgrade?.upgrade !== accepted.upgrade) return false;
        const line = options.json
          ? JSON.stringify({ type: "status", ...seen.upgrade })
          : renderChange(seen);
        if (line !== told) terminal.out(line);
        told = line;
        return exitCodeOfState(seen.upgrade.state) !== undefined;
      },
      {
        signal: terminal.signal,
        ...(waitTimeoutMs === undefined ? {} : { timeoutMs: waitTimeoutMs }),
      },
    );
    if (!options.json) terminal.out(renderStatus(status));
    return exitCodeOfState(status.upgrade?.state ?? "") ?? exitCodes.failed;
  });
}
