import { setTimeout as wait } from "node:timers/promises";
import type { FleetStatus, UpgradeStatus } from "../../src/index.ts";
import type { TestFleet } from "../support/start-fleet.ts";
import type { Network } from "./network.ts";
import { type Moment, upgradeStates } from "./plan.ts";

export const endWithinMs = 240_000;

export interface Stage {
  readonly fleet: TestFleet;
  readonly network: Network;
  readonly say: (text: string) => void;
}

type Look = UpgradeStatus | null;
const isOnePause = (looks: readonly Look[]) =>
  looks.every((look) => {
    const [first] = looks;
    return look?.state === "paused" && look.since === first?.since;
  });

/**
 * The moves within one pause, each of which breaks S4 or L2. Pure.
 * @param looks the last three: a look reads the fence before the journal, so only the later two were read in the pause
 */
export function movedInPause(looks: readonly [Look, Look, Look]): readonly string[] {
  const [, before, now] = looks;
  if (!before || !now || !isOnePause(looks)) return [];
  const { batches, until } = before;
  return [
    ...(now.batches === batches ? [] : [`S4: batch ${now.batches} after ${batches}, in a pause`]),
    ...(now.until === until ? [] : [`L2: a pause until ${now.until}, and not ${until}`]),
  ];
}

/** Looks at the fleet again and again; what was seen last stays when the database cannot be read. */
export function startLooking(stage: Stage, first: FleetStatus) {
  let last = first;
  let looks: [Look, Look, Look] = [null, null, null];
  let stopped = false;
  let checks = 0;
  const broken: string[] = [];
  const momentOf = ({ upgrade, master }: FleetStatus) =>
    `${upgrade?.upgradeId}/${upgrade?.state}/${master?.epoch}`;
  const ended = (async () => {
    let checked = momentOf(first);
    while (!stopped) {
      last = await stage.fleet.fleet.status().catch(() => last);
      looks = [looks[1], looks[2], last.upgrade];
      broken.push(...movedInPause(looks));
      const moment = momentOf(last);
      // In each state and under each master, as far as the database answers then.
      const found = moment === checked ? null : await stage.fleet.fleet.check().catch(() => null);
      if (found !== null) {
        checked = moment;
        checks += 1;
        broken.push(...found.map((words) => `${moment}: ${words}`));
      }
      await wait(150);
    }
  })();
  return {
    broken,
    last: () => last,
    checks: () => checks,
    async stop() {
      stopped = true;
      await ended;
    },
  };
}

export type Looking = ReturnType<typeof startLooking>;

/** True once the upgrade is in this state; false when it has ended without. */
export async function comesTo(
  looking: Looking,
  upgradeId: string,
  moment: Moment,
  meanwhile = async () => {},
): Promise<boolean> {
  const place = (state: string) => (upgradeStates as readonly string[]).indexOf(state);
  const end = performance.now() + endWithinMs;
  while (performance.now() < end) {
    const now = looking.last().upgrade;
    if (now?.upgradeId === upgradeId) {
      if (now.final) return false;
      const past = place(now.state) > place(moment.state) && now.state !== "rolling-back";
      if (now.state === moment.state || past || now.state === "rolling-back") {
        await wait(moment.afterMs);
        return true;
      }
    }
    await meanwhile();
    await wait(20);
  }
  return false;
}
