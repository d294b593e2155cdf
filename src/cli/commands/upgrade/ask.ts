import type { FleetRequest } from "../../../operator/fleet-client.ts";
import { exitCodes } from "../../exit-codes.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { printAccepted } from "../../wait-for-end.ts";

/** `lockstep abort`, `pause`, `resume`, `retry`, `forget AGENT`: a request that the master answers. */
export function ask(
  request: FleetRequest,
  options: SharedOptions,
  terminal: Terminal,
): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    printAccepted(await fleet.request(request), options, terminal);
    return exitCodes.done;
  });
}
