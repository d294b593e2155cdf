import { LockstepError } from "../../../errors.ts";
import type { FleetClient } from "../../../operator/fleet-client.ts";
import type { FleetStatus } from "../../../operator/status.ts";
import { exitCodes } from "../../exit-codes.ts";
import { parseTimeMs } from "../../input/time-span.ts";
import { jsonLine } from "../../output/json-line.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { printChanges } from "../../wait-for-end.ts";
import { type Goal, judgeServing, judgeState, type Verdict } from "./wait-goals.ts";

/** The goal of a wait, and its limit. */
interface GoalOptions {
  readonly for: Goal;
  readonly upgrade?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

export type WaitForOptions = SharedOptions & GoalOptions;

/** The upgrade of the wait: the named one, or the latest. */
function upgradeOf(status: FleetStatus, named: string | null): string {
  const id = named ?? status.upgrade?.upgradeId;
  if (id !== undefined) return id;
  throw new LockstepError(
    "no-upgrade",
    "expected an upgrade to wait for, and none has been asked for yet: start it with `lockstep upgrade VERSION`, or wait with --for serving",
  );
}

/**
 * Judges an upgrade that may not be the latest any more. An id that the fleet has never had is refused, as the wait
 * for it would never end.
 */
async function judgeUpgrade(
  fleet: FleetClient,
  goal: Exclude<Goal, "serving">,
  id: string,
  { upgrade }: FleetStatus,
): Promise<Verdict> {
  if (upgrade?.upgradeId === id) return judgeState(goal, id, upgrade.state);
  const past = (await fleet.history()).find(({ upgradeId }) => upgradeId === id);
  if (past) return judgeState(goal, id, past.state);
  throw new LockstepError(
    "no-upgrade",
    `expected an upgrade of this fleet, got --upgrade ${id}: see \`lockstep history\``,
  );
}

/** Prints the end of a wait. */
function printVerdict(
  { kind, text }: Verdict,
  goal: Goal,
  upgradeId: string | null,
  options: GoalOptions,
  { out }: Terminal,
): void {
  const reached = kind === "reached";
  out(
    options.json ? jsonLine({ type: "wait", for: goal, upgradeId, reached, message: text }) : text,
  );
}

/** Waits until a goal is reached, or can no longer be reached. Returns the exit code. */
export async function waitForGoal(
  fleet: FleetClient,
  options: GoalOptions,
  terminal: Terminal,
): Promise<number> {
  const { for: goal, timeout } = options;
  const limit = timeout === undefined ? {} : { timeoutMs: parseTimeMs("--timeout", timeout) };
  const print = printChanges(options, terminal);
  let id = options.upgrade ?? null;
  let beganAt: number | null = null;
  for await (const status of fleet.watch({ signal: terminal.signal, ...limit })) {
    print(status);
    beganAt ??= status.now;
    if (goal !== "serving") id = upgradeOf(status, id);
    const verdict =
      goal === "serving"
        ? judgeServing(status, beganAt)
        : await judgeUpgrade(fleet, goal, id ?? "", status);
    if (verdict.kind === "open") continue;
    printVerdict(verdict, goal, id, options, terminal);
    return verdict.exitCode;
  }
  return exitCodes.failed;
}

/** `lockstep wait`: waits for a goal. */
export function wait(options: WaitForOptions, terminal: Terminal): Promise<number> {
  if (options.timeout !== undefined) parseTimeMs("--timeout", options.timeout);
  const { timeout: _, ...shared } = options;
  return withFleet(shared, terminal, (fleet) => waitForGoal(fleet, options, terminal));
}
