import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";

/** `lockstep allow-writes`: lets blocked writers in where no agent is left to do it. */
export function allowWrites(
  options: SharedOptions & { force?: boolean },
  terminal: Terminal,
): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const lifted = await fleet.allowWrites({ force: options.force ?? false });
    const refusal = options.force
      ? "an upgrade has blocked writers again meanwhile"
      : "no upgrade has blocked writers; --force lets them in whoever has";
    const text = lifted ? "writers are let in again" : refusal;
    terminal.out(options.json ? jsonLine({ type: "allow-writes", lifted }) : text);
    return exitCodes.done;
  });
}
