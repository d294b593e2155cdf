import { isLockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { sayOnce } from "../log.ts";
import type { FleetClient } from "../operator/fleet-client.ts";
import type { FleetStatus } from "../operator/status.ts";
import { exitCodeOfState, exitCodes } from "./exit-codes.ts";
import { parseTimeMs } from "./input/time-span.ts";
import { jsonLine } from "./output/json-line.ts";
import { renderChange, renderProgress, renderStatus } from "./render/fleet.ts";
import type { Terminal } from "./run.ts";

/** Prints the accepted request. */
export function printAccepted(
  { upgradeId, message }: { readonly upgradeId: string | null; readonly message: string },
  options: { readonly json?: boolean },
  terminal: Terminal,
): void {
  terminal.out(options.json ? jsonLine({ type: "accepted", upgradeId, message }) : message);
}

/** The options of a command that waits for the end of an operation. */
export interface WaitOptions {
  readonly json?: boolean;
  readonly servingTimeout?: string;
}

/**
 * Prints each change of an operation until it has come to rest, and then until the required agents serve.
 * @returns the exit code of its end
 */
export async function waitForEnd(
  fleet: FleetClient,
  upgradeId: string,
  options: WaitOptions,
  terminal: Terminal,
  timeoutMs?: number,
): Promise<number> {
  const { servingTimeout } = options;
  const servingMs =
    servingTimeout === undefined
      ? limits.servingWaitMs
      : parseTimeMs("--serving-timeout", servingTimeout);
  const print = printChanges(options, terminal);
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  for await (const status of fleet.watch({ signal: terminal.signal, ...limit })) {
    const present = status.upgrade;
    if (present === null) continue;
    if (present.upgradeId !== upgradeId) {
      // Where a later upgrade holds the slot, ours has ended unseen. Ids of upgrades grow.
      const isLater = present.upgradeId.localeCompare(upgradeId, "en", { numeric: true }) > 0;
      if (!isLater) continue;
      if (!options.json) terminal.out(renderStatus(status, terminal.sayWord));
      return printEnded(fleet, upgradeId, options, terminal);
    }
    print(status);
    const exitCode = exitCodeOfState(present.state);
    if (exitCode === undefined) continue;
    const last = await untilServing(fleet, status, servingMs, terminal.signal, print);
    if (!options.json) terminal.out(renderStatus(last, terminal.sayWord));
    return exitCodeOfServing(exitCode, last, options, terminal);
  }
  return exitCodes.failed;
}

/** Prints one line for each change, and one from time to time while there is only progress. */
export function printChanges(
  options: WaitOptions,
  { out }: Pick<Terminal, "out">,
): (status: FleetStatus) => void {
  const printed = { change: "", line: "", at: 0 };
  const isNews = sayOnce();
  return (status) => {
    const change = renderChange(status);
    const line = options.json
      ? jsonLine({ type: "change", upgrade: status.upgrade })
      : renderProgress(status);
    const isLate = status.now - printed.at >= limits.progressLineMs;
    if (line === printed.line || (change === printed.change && !isLate && !options.json)) return;
    out(options.json ? line : renderProgress(status, isNews));
    Object.assign(printed, { change, line, at: status.now });
  };
}

/** Waits until the required agents serve, the time is over, or a later upgrade has begun. */
async function untilServing(
  fleet: FleetClient,
  ended: FleetStatus,
  timeoutMs: number,
  signal: AbortSignal,
  print: (status: FleetStatus) => void,
): Promise<FleetStatus> {
  let last = ended;
  if (ended.upgrade?.notServing.length === 0) return last;
  try {
    for await (const status of fleet.watch({ signal, timeoutMs })) {
      if (status.upgrade?.upgradeId !== ended.upgrade?.upgradeId) break;
      last = status;
      print(status);
      if (status.upgrade?.notServing.length === 0) break;
    }
  } catch (error) {
    if (!isLockstepError(error, "timeout")) throw error;
  }
  return last;
}

/** Says which required agents do not serve. A commit without them has an exit code of its own. */
function exitCodeOfServing(
  exitCode: number,
  { upgrade }: FleetStatus,
  options: WaitOptions,
  terminal: Terminal,
): number {
  if (upgrade === null || upgrade.notServing.length === 0) return exitCode;
  const { upgradeId, state, notServing } = upgrade;
  const isCommitted = exitCode === exitCodes.done;
  const named = notServing.map(({ agent, why }) => `${agent} (${why})`).join(", ");
  terminal.out(
    options.json
      ? jsonLine({ type: "not-serving", upgradeId, state, agents: notServing })
      : `${isCommitted ? "committed" : "rolled back"}, but not serving: ${named}`,
  );
  return isCommitted ? exitCodes.notServing : exitCode;
}

/** Prints the end of an operation that was not seen. */
async function printEnded(
  fleet: FleetClient,
  upgradeId: string,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const found = (await fleet.history()).find((item) => item.upgradeId === upgradeId);
  const state = found?.state ?? null;
  terminal.out(
    options.json
      ? jsonLine({ type: "ended", upgradeId, state })
      : `${upgradeId}: ${state ?? "not in the history"}`,
  );
  return exitCodeOfState(state ?? "") ?? exitCodes.failed;
}
