import type { Draw } from "../../simulation/draw.ts";

export const faultKinds = [
  "worker-killed",
  "worker-stopped",
  "worker-paused",
  "worker-joins",
  "worker-cut-off",
  "worker-unheard",
  "worker-deaf",
  "primary-killed",
  "primary-stepped-down",
  "primary-paused",
  "primary-cut-off",
  "primary-unheard",
  "primary-deaf",
  "secondary-killed",
  "all-members-killed",
  "links-slow",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One or two faults at the same time. */
export interface FaultPlan {
  readonly kinds: readonly FaultKind[];
  /** The quiet time before them. */
  readonly afterMs: number;
  /** How long they last, where they are not over at once. */
  readonly lastsMs: number;
}

/** One run: an engine on an empty database, its load, and its faults in their order. */
export interface RunPlan {
  readonly workers: number;
  readonly trips: number;
  readonly rounds: number;
  readonly restMs: number;
  readonly faults: readonly FaultPlan[];
  /** The number of faults after which a worker of a newer version joins, or null for never. */
  readonly newerAfter: number | null;
}

const faultsOfARun = 6;

function drawFault(draw: Draw): FaultPlan {
  const first = draw.pick(faultKinds);
  const second = draw.pick(faultKinds);
  const isPair = draw.chance(0.4) && second !== first;
  return {
    kinds: isPair ? [first, second] : [first],
    afterMs: draw.below(2_000),
    lastsMs: draw.pick([300, 1_500, 3_000, 6_000, 14_000]),
  };
}

export function drawRun(draw: Draw): RunPlan {
  return {
    workers: 1 + draw.below(4),
    trips: draw.pick([4, 20, 60]),
    rounds: draw.pick([3, 8, 20]),
    restMs: draw.pick([1, 100, 1_000, 2_500]),
    faults: Array.from({ length: faultsOfARun }, () => drawFault(draw)),
    newerAfter: draw.chance(0.4) ? draw.below(faultsOfARun) : null,
  };
}
