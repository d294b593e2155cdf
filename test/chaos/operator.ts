import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../../src/errors.ts";
import type { HistoryItem } from "../../src/index.ts";
import { comesTo, endWithinMs, type Looking, type Stage } from "./looking.ts";
import type { Moment, PausePlan } from "./plan.ts";

export async function abort(
  stage: Stage,
  looking: Looking,
  upgradeId: string,
  at: Moment,
): Promise<void> {
  if (!(await comesTo(looking, upgradeId, at))) return;
  await stage.fleet.fleet
    .request({ kind: "abort", why: "a drawn abort" })
    // Refused when it is over; without an answer while nobody is master. Either is fine.
    .catch((error: unknown) => stage.say(`  abort: ${messageOf(error)}`));
}

/**
 * Asks for a pause, and for its end as it is planned. An answer may be lost with a primary or a master, so the
 * end is asked for until the status shows no pause.
 */
export async function pause(stage: Stage, looking: Looking, upgradeId: string, plan: PausePlan) {
  if (!(await comesTo(looking, upgradeId, plan.moment))) return;
  await stage.fleet.fleet
    .request({ kind: "pause", why: "a drawn pause" })
    .then(({ message }) => stage.say(`  pause (${plan.kind}): ${message}`))
    // Refused where nothing is left to pause.
    .catch((error: unknown) => stage.say(`  pause: ${messageOf(error)}`));
  if (plan.kind === "left") return;
  const begun = { state: "paused", afterMs: plan.lastsMs } as const;
  if (plan.kind === "resumed" && !(await comesTo(looking, upgradeId, begun))) return;
  const end = performance.now() + endWithinMs;
  while (performance.now() < end) {
    await stage.fleet.fleet.request({ kind: "resume" }).catch(() => null);
    const status = await stage.fleet.fleet.status().catch(() => null);
    if (status && (status.upgrade?.upgradeId !== upgradeId || !status.upgrade.pause)) return;
    await wait(150);
  }
}

/** The end of a pause. */
export interface PauseEnd {
  /** In one word or two; null where none was planned. */
  readonly word: "not begun" | "resumed" | "ran out" | "turned back" | null;
  readonly wrong: readonly string[];
}

/** Judges the way of an upgrade by what was planned for a pause. Pure. */
export function pauseEnd(
  plan: PausePlan | null,
  { states, reason }: Pick<HistoryItem, "states" | "reason">,
): PauseEnd {
  const names = states.map(({ state }) => state);
  const place = names.indexOf("paused");
  if (plan === null) {
    return { word: null, wrong: place === -1 ? [] : ["paused, and nobody asked for it"] };
  }
  if (place === -1) return { word: "not begun", wrong: [] };
  const wentOn = names[place + 1] === "migrating";
  const wrong = wentOn && plan.kind === "left" ? ["it went on, and nobody resumed it"] : [];
  if (wentOn) return { word: "resumed", wrong };
  return { word: reason?.details?.["pausedMs"] === undefined ? "turned back" : "ran out", wrong };
}
