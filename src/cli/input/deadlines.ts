import type { Command } from "commander";
import type { Deadlines } from "../../../machines/vocabulary.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { parseTimeMs } from "./time-span.ts";

/** The deadlines by their names, with the default of each. */
const deadlineDefaultsMs: Readonly<Record<string, number>> = {
  waiting: limits.waitingDeadlineMs,
  "backing-up": limits.backingUpDeadlineMs,
  "no-progress": limits.noProgressDeadlineMs,
  paused: limits.pausedDeadlineMs,
  peers: limits.peersDeadlineMs,
  silent: limits.silentDeadlineMs,
  "rolling-back": limits.rollingBackDeadlineMs,
};

/** `waiting=900, …`: every deadline as one would set it. Pure. */
function deadlinesText(): string {
  const texts = Object.entries(deadlineDefaultsMs).map(([name, ms]) => `${name}=${ms / 1_000}`);
  return `${texts.join(", ")} (seconds)`;
}

/** `waiting=30` (seconds) → `{ waitingMs: 30000 }`. @throws LockstepError `bad-argument` */
export function parseDeadlines(texts: readonly string[]): Partial<Deadlines> {
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

/** Adds the option by which a command sets the deadlines of an upgrade. */
export function addDeadlineOption(command: Command): Command {
  return command.option(
    "--deadline <name=seconds...>",
    `limit a state; the defaults are ${deadlinesText()}`,
  );
}

/** Adds the option by which a command limits its wait until the agents serve. */
export function addServingTimeout(command: Command): Command {
  return command.option(
    "--serving-timeout <time>",
    `how long to wait after the end until the required agents serve (default: ${limits.servingWaitMs / 1_000}s)`,
  );
}
