import type { Draw } from "../simulation/draw.ts";

/** States of an upgrade in which a fault may be set, in the order of their first visits. */
export const upgradeStates = [
  "waiting",
  "backing-up",
  "rehearsing",
  "migrating",
  "paused",
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

/** The ways in which a pause ends: the operator resumes it after its time, withdraws it at once, or leaves it to its deadline. */
export const pauseKinds = ["resumed", "withdrawn", "left"] as const;

export interface PausePlan {
  readonly kind: (typeof pauseKinds)[number];
  /** When the operator asks for it. */
  readonly moment: Moment;
  /** From its begin to the resumption; its deadline where nobody comes. */
  readonly lastsMs: number;
}

export interface UpgradePlan {
  readonly number: number;
  readonly kind: "good" | "aborted" | Wrong;
  readonly abortAt: Moment | null;
  readonly pause: PausePlan | null;
  readonly faults: readonly FaultPlan[];
}

/** Most runs end on the way back: what is rolled back last is what a fleet would rest on. */
const lastIsRollBackPart = 0.9;

/** Forward, so that one fault can follow the other in one upgrade. */
function inOrder(faults: readonly FaultPlan[]): readonly FaultPlan[] {
  const place = ({ moment }: FaultPlan) => upgradeStates.indexOf(moment.state);
  return faults.toSorted((left, right) => place(left) - place(right));
}

/** The states in which a pause can be asked for. Once the schema steps are done, it is refused. */
const pausable = upgradeStates.slice(0, upgradeStates.indexOf("paused"));
const forward = upgradeStates.slice(0, upgradeStates.indexOf("rolling-back"));

const drawMoment = (draw: Draw, states: readonly Moment["state"][]): Moment => ({
  state: draw.pick(states),
  afterMs: draw.chance(0.5) ? 0 : draw.below(800),
});

function drawPause(draw: Draw): PausePlan | null {
  if (!draw.chance(0.4)) return null;
  const [kind, lastsMs] = [draw.pick(pauseKinds), 1_000 + draw.below(7_000)];
  return { kind, moment: drawMoment(draw, pausable), lastsMs };
}

function drawUpgrade(draw: Draw, number: number, turnsBack: boolean): UpgradePlan {
  const wrong = Object.keys(wrongBuilds) as Wrong[];
  const kind = turnsBack ? draw.pick<UpgradePlan["kind"]>(["aborted", ...wrong]) : "good";
  const pause = drawPause(draw.fork(`the pause of ${number}`));
  const isPassed = (state: Moment["state"]) => state !== "paused" || pause !== null;
  const states = (turnsBack ? upgradeStates : forward).filter(isPassed);
  const faults = Array.from({ length: 1 + draw.below(3) }, (): FaultPlan => {
    const kind = draw.pick(faultKinds);
    const [moment, lastsMs] = [drawMoment(draw, states), 500 + draw.below(4_500)];
    // A disk has to be full by the time that a copy is made on it.
    if (kind === "disk-full")
      return { kind, moment: { state: "waiting", afterMs: 0 }, lastsMs: 10_000 };
    return { kind, moment, lastsMs };
  });
  return {
    number,
    kind,
    abortAt: kind === "aborted" ? drawMoment(draw, forward.filter(isPassed)) : null,
    pause,
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
