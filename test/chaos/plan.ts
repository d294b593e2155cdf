import type { Draw } from "../simulation/draw.ts";

/** States of an upgrade in which a fault may be set. */
export const upgradeStates = [
  "waiting",
  "backing-up",
  "rehearsing",
  "migrating",
  "awaiting-peers",
  "rolling-back",
] as const;

/** When something happens: as the upgrade comes to a state, and so much later. */
export interface Moment {
  readonly state: (typeof upgradeStates)[number];
  readonly afterMs: number;
}

export const faultKinds = [
  "master-killed",
  "peer-killed",
  "agent-restarted",
  "primary-killed",
  "primary-and-master-killed",
  "primary-stepped-down",
  "elections-frozen",
  "master-paused",
  "primary-paused",
  "member-removed",
  "master-cut-off",
  "master-unheard",
  "master-deaf",
  "primary-cut-off",
  "primary-unheard",
  "primary-deaf",
  "primary-and-master-cut-off",
  "links-slow",
  "disk-full",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultPlan {
  readonly kind: FaultKind;
  readonly moment: Moment;
  /** How long it lasts, where it is not over at once. */
  readonly lastsMs: number;
}

/** The defect of a build of the test application, by the patch number of its version. */
export const wrongBuilds = {
  "a local step throws": 1,
  "a local step ends its process on one host": 2,
  "a schema step throws": 4,
  "a schema step ends its process": 5,
  "a schema step throws on the live data": 9,
  "the builds differ": 7,
  "it does not start on one host": 8,
} as const;
type Wrong = keyof typeof wrongBuilds;

export interface UpgradePlan {
  readonly number: number;
  readonly kind: "good" | "aborted" | Wrong;
  readonly abortAt: Moment | null;
  readonly faults: readonly FaultPlan[];
}

/** Most runs end on the way back: what is rolled back last is what a fleet would rest on. */
const lastIsRollBackPart = 0.9;

/** Forward, so that one fault can follow the other in one upgrade. */
function inOrder(faults: readonly FaultPlan[]): readonly FaultPlan[] {
  const place = ({ moment }: FaultPlan) => upgradeStates.indexOf(moment.state);
  return faults.toSorted((left, right) => place(left) - place(right));
}

function drawUpgrade(draw: Draw, number: number, turnsBack: boolean): UpgradePlan {
  const wrong = Object.keys(wrongBuilds) as Wrong[];
  const kind = turnsBack ? draw.pick<UpgradePlan["kind"]>(["aborted", ...wrong]) : "good";
  const drawMoment = (states: readonly Moment["state"][]) => ({
    state: draw.pick(states),
    afterMs: draw.chance(0.5) ? 0 : draw.below(800),
  });
  const forward = upgradeStates.slice(0, 5);
  const states = turnsBack ? upgradeStates : forward;
  const faults = Array.from({ length: 1 + draw.below(3) }, (): FaultPlan => {
    const kind = draw.pick(faultKinds);
    const [moment, lastsMs] = [drawMoment(states), 500 + draw.below(4_500)];
    // A disk has to be full by the time that a copy is made on it.
    if (kind === "disk-full")
      return { kind, moment: { state: "waiting", afterMs: 0 }, lastsMs: 10_000 };
    return { kind, moment, lastsMs };
  });
  return {
    number,
    kind,
    abortAt: kind === "aborted" ? drawMoment(forward) : null,
    faults: inOrder(faults),
  };
}

/** The upgrades of one fleet, one after another. Pure but for the draw. */
export function drawRun(draw: Draw, upgrades: number): readonly UpgradePlan[] {
  return Array.from({ length: upgrades }, (_, index) => {
    const last = index === upgrades - 1;
    return drawUpgrade(draw, index + 1, draw.chance(last ? lastIsRollBackPart : 0.4));
  });
}
