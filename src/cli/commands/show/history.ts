import { exitCodes } from "../../exit-codes.ts";
import { renderHistory } from "../../render/fleet.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";

/** `lockstep history`: lists all upgrades. */
export function history(options: SharedOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const items = await fleet.history();
    terminal.out(
      options.json
        ? items.map((item) => JSON.stringify({ type: "upgrade", ...item })).join("\n")
        : renderHistory(items),
    );
    return exitCodes.done;
  });
}
