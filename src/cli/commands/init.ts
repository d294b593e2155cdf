import { exitCodes } from "../exit-codes.ts";
import { jsonLine } from "../output/json-line.ts";
import { type SharedOptions, type Terminal, withFleet } from "../run.ts";

/** `lockstep init VERSION`: declares the version of a fleet, once. */
export function init(
  version: string,
  options: SharedOptions & { readonly newDatabase?: boolean },
  terminal: Terminal,
): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const versions = await fleet.init(version, { newDatabase: options.newDatabase === true });
    terminal.out(
      options.json ? jsonLine({ type: "versions", ...versions }) : `the fleet is on ${version}`,
    );
    return exitCodes.done;
  });
}
