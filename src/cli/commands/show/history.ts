import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { renderHistory } from "../../render/fleet.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";

/** `lockstep history`: lists all upgrades. */
export function history(options: SharedOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const items = await fleet.history();
    if (options.json)
      for (const item of items) terminal.out(jsonLine({ type: "upgrade", ...item }));
    else terminal.out(renderHistory(items));
    return exitCodes.done;
  });
}
