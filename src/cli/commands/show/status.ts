import { conditionsOf } from "../../../operator/conditions.ts";
import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { renderStatus } from "../../render/fleet.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";

/** `lockstep status`: shows the state of the fleet. */
export function status(options: SharedOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const seen = await fleet.status();
    const conditions = conditionsOf(seen);
    terminal.out(
      options.json
        ? jsonLine({ type: "status", ...seen, conditions })
        : renderStatus(seen, terminal.sayWord),
    );
    return exitCodes.done;
  });
}
