import type { UpgradeStatus } from "../../../operator/upgrade-status.ts";
import { timeSpan } from "../../../time-span.ts";
import { exitCodes } from "../../exit-codes.ts";
import { requireYes } from "../../input/confirmation.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { printAccepted } from "../../wait-for-end.ts";

export interface PauseOptions extends SharedOptions {
  readonly why: string;
  readonly yes?: boolean;
}

/** The cost of a pause, in one sentence. Pure. */
export function pauseCost({ upgradeId, downtime }: UpgradeStatus, now: number): string {
  const soFar =
    downtime.from === null ? "goes down" : `has been down for ${timeSpan(now - downtime.from)}`;
  return `a pause of ${upgradeId} keeps all gates shut: the application ${soFar}, and stays down until the upgrade goes on and ends`;
}

/** `lockstep pause`: asks first on a terminal, since the application stays down meanwhile. */
export function pause(options: PauseOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const { upgrade, now } = await fleet.status();
    if (upgrade && !upgrade.final) await requireYes(pauseCost(upgrade, now), options, terminal);
    printAccepted(await fleet.request({ kind: "pause", why: options.why }), options, terminal);
    return exitCodes.done;
  });
}
