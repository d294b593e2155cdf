import { databaseNameOf } from "../../../mongo/database-of-url.ts";
import { exitCodes } from "../../exit-codes.ts";
import { requireConfirmation } from "../../input/confirmation.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { printAccepted } from "../../wait-for-end.ts";

export interface RetryOptions extends SharedOptions {
  readonly confirm?: string;
}

/** `lockstep retry`: asks first where the way back takes back what others wrote. */
export function retry(options: RetryOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const { upgrade } = await fleet.status();
    const isForeign = upgrade?.state === "blocked" && upgrade.reason?.code === "foreign-writes";
    if (isForeign) {
      const name = databaseNameOf(options.mongoUrl);
      if (!options.json) terminal.out(upgrade.reason?.message ?? "");
      const what = `what others wrote to "${name}" since the copies will be saved to a file and taken back`;
      await requireConfirmation(name, what, options, terminal);
    }
    const answer = await fleet.request({ kind: "retry", discardForeignWrites: isForeign });
    printAccepted(answer, options, terminal);
    return exitCodes.done;
  });
}
