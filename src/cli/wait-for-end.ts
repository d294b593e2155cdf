import type { FleetClient } from "../operator/fleet-client.ts";
import { exitCodeOfState, exitCodes } from "./exit-codes.ts";
import { renderChange, renderStatus } from "./render.ts";
import type { Terminal } from "./run.ts";

/** Says what was accepted. */
export function tellAccepted(
  { upgrade, message }: { readonly upgrade: string | null; readonly message: string },
  options: { readonly json?: boolean },
  terminal: Terminal,
): void {
  const line = JSON.stringify({ type: "accepted", upgrade, message });
  terminal.out(options.json ? line : message);
}

/** Says how an operation goes until it has come to rest; answers with the exit code of its end. */
export async function waitForEnd(
  fleet: FleetClient,
  upgrade: string,
  options: { readonly json?: boolean },
  terminal: Terminal,
  timeoutMs?: number,
): Promise<number> {
  let told = "";
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  for await (const status of fleet.watch({ signal: terminal.signal, ...limit })) {
    const present = status.upgrade;
    if (present === null) continue;
    if (present.upgrade !== upgrade) {
      // Where a later one holds the slot, ours has come to its end unseen. Their ids grow.
      const isLater = present.upgrade.localeCompare(upgrade, "en", { numeric: true }) > 0;
      if (!isLater) continue;
      if (!options.json) terminal.out(renderStatus(status));
      return tellEnded(fleet, upgrade, options, terminal);
    }
    const line = options.json
      ? JSON.stringify({ type: "status", ...present })
      : renderChange(status);
    if (line !== told) terminal.out(line);
    told = line;
    const exitCode = exitCodeOfState(present.state);
    if (exitCode === undefined) continue;
    if (!options.json) terminal.out(renderStatus(status));
    return exitCode;
  }
  return exitCodes.failed;
}

/** Says how an operation ended whose end was not seen. */
async function tellEnded(
  fleet: FleetClient,
  upgrade: string,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const state = (await fleet.history()).find((item) => item.upgrade === upgrade)?.state;
  const line = JSON.stringify({ type: "ended", upgrade, state });
  terminal.out(options.json ? line : `${upgrade}: ${state}`);
  return exitCodeOfState(state ?? "") ?? exitCodes.failed;
}
