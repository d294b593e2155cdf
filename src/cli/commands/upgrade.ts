import type { FleetClient } from "../../operator/fleet-client.ts";
import { parseDeadlines } from "../deadlines.ts";
import { exitCodes } from "../exit-codes.ts";
import { type SharedOptions, type Terminal, withFleet } from "../run.ts";
import { parseTimeMs } from "../time-span.ts";
import { printAccepted, type WaitOptions, waitForEnd } from "../wait-for-end.ts";

/** The options of a command that asks for an upgrade and follows it. */
export interface FollowOptions extends SharedOptions, WaitOptions {
  readonly wait: boolean;
  readonly waitTimeout?: string;
}

export interface UpgradeOptions extends FollowOptions {
  readonly deadline?: readonly string[];
}

/** Asks the master for an upgrade, and waits for the end of what was accepted. */
export async function followUpgrade(
  options: FollowOptions,
  terminal: Terminal,
  ask: (fleet: FleetClient) => Promise<{ readonly upgradeId: string; readonly message: string }>,
): Promise<number> {
  const { waitTimeout } = options;
  const limitMs =
    waitTimeout === undefined ? undefined : parseTimeMs("--wait-timeout", waitTimeout);
  return withFleet(options, terminal, async (fleet) => {
    const accepted = await ask(fleet);
    printAccepted(accepted, options, terminal);
    if (!options.wait) return exitCodes.done;
    return waitForEnd(fleet, accepted.upgradeId, options, terminal, limitMs);
  });
}

/** `lockstep upgrade VERSION`: asks the master for it and waits for the end. */
export async function upgrade(
  version: string,
  options: UpgradeOptions,
  terminal: Terminal,
): Promise<number> {
  const deadlines = parseDeadlines(options.deadline ?? []);
  return followUpgrade(options, terminal, (fleet) => fleet.upgrade(version, { deadlines }));
}
