import { exitCodes } from "../exit-codes.ts";
import { renderStatus } from "../render.ts";
import { type SharedOptions, type Terminal, withFleet } from "../run.ts";

/** `lockstep status`: shows the state of the fleet. */
export function status(options: SharedOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const seen = await fleet.status();
    terminal.out(options.json ? JSON.stringify({ type: "status", ...seen }) : renderStatus(seen));
    return exitCodes.done;
  });
}
