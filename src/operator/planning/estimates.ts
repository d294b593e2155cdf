import { limits } from "../../limits.ts";
import type { HistoryItem } from "../history.ts";
import type { StateEstimate } from "./plan-shape.ts";

/** The states through which an upgrade goes, with and without schema steps. All gates are shut in them. */
const withSchemaSteps = ["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers"];
const withoutSchemaSteps = ["waiting", "awaiting-peers"];

/** The states whose time depends on the steps, so that other upgrades say nothing about it. */
const ofSteps: readonly string[] = ["rehearsing", "migrating"];

/** The range of the times that a state took in earlier upgrades which were committed. */
function rangeOf(state: string, history: readonly HistoryItem[]): StateEstimate["ms"] {
  const times = history
    .filter((item) => item.state === "done" && item.restoreOf === null)
    .slice(-limits.estimateUpgradesMax)
    .map(({ states }) => {
      const stays = states.filter((stay) => stay.state === state);
      return stays.reduce((sum, { lastedMs }) => sum + (lastedMs ?? 0), 0);
    })
    .filter((ms) => ms > 0);
  return times.length === 0 ? null : { least: Math.min(...times), most: Math.max(...times) };
}

/** The time that copies of so many bytes take, at the usual rate and at the lowest. */
function copyRange(dataBytes: number): { least: number; most: number } {
  return {
    least: Math.round((dataBytes / limits.dumpBytesPerSecondLikely) * 1_000),
    most: Math.round((dataBytes / limits.dumpBytesPerSecondMin) * 1_000),
  };
}

/**
 * The expected time in each state, in which the application is down. Only the upgrades before the way of these steps
 * say how long a copy and the votes take; nothing says how long the steps take, but a rehearsal. Pure.
 */
export function estimateStates(
  hasSchemaSteps: boolean,
  history: readonly HistoryItem[],
  dataBytes: number,
): readonly StateEstimate[] {
  const states = hasSchemaSteps ? withSchemaSteps : withoutSchemaSteps;
  return states.map((state) => {
    if (ofSteps.includes(state)) return { state, ms: null };
    const known = rangeOf(state, history);
    return { state, ms: state === "backing-up" ? (known ?? copyRange(dataBytes)) : known };
  });
}
