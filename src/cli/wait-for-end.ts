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
  const status = await fleet.watch(
    (seen) => {
      const present = seen.upgrade;
      if (present === null) return false;
      // Where a later one holds the slot, ours has come to its end unseen. Their ids grow.
      if (present.upgrade !== upgrade) {
        return present.upgrade.localeCompare(upgrade, "en", { numeric: true }) > 0;
      }
      const line = options.json
        ? JSON.stringify({ type: "status", ...present })
        : renderChange(seen);
      if (line !== told) terminal.out(line);
      told = line;
      return exitCodeOfState(present.state) !== undefined;
    },
    { signal: terminal.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  );
  if (!options.json) terminal.out(renderStatus(status));
  let state = status.upgrade?.state;
  if (status.upgrade?.upgrade !== upgrade) {
    state = (await fleet.history()).find((item) => item.upgrade === upgrade)?.state;
    const line = JSON.stringify({ type: "ended", upgrade, state });
    terminal.out(options.json ? line : `${upgrade}: ${state}`);
  }
  return exitCodeOfState(state ?? "") ?? exitCodes.failed;
}
