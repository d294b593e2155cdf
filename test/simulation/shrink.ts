import type { Plan } from "./plan.ts";
import { simulatePlan } from "./simulate.ts";

const runsMax = 150;

/** Plans that are simpler by one thing, the greatest simplifications first. */
function* simplerThan(plan: Plan): Generator<Plan> {
  const { faults, asks, networkFaults } = plan;
  if (faults.length > 1) {
    const half = Math.ceil(faults.length / 2);
    yield { ...plan, faults: faults.slice(0, half) };
    yield { ...plan, faults: faults.slice(half) };
  }
  if (asks.length > 1) yield { ...plan, asks: asks.slice(0, -1) };
  for (const name of ["slow", "lost", "answerLost", "doubled", "late"] as const) {
    if (networkFaults[name] > 0) yield { ...plan, networkFaults: { ...networkFaults, [name]: 0 } };
  }
  for (const index of faults.keys()) {
    yield { ...plan, faults: faults.toSpliced(index, 1) };
  }
  for (const [index, ask] of asks.entries()) {
    if (ask.misbehaviour.kind === "none") continue;
    const well = { ...ask, misbehaviour: { ...ask.misbehaviour, kind: "none" as const } };
    yield { ...plan, asks: asks.with(index, well) };
  }
}

/** Takes out of a plan that fails whatever it fails without (greedy, a bounded number of runs). */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean> = async (of) =>
    (await simulatePlan(of)).problems.length > 0,
): Promise<Plan> {
  let smallest = plan;
  let runs = 0;
  for (let progress = true; progress; ) {
    progress = false;
    for (const simpler of simplerThan(smallest)) {
      if (runs >= runsMax) return smallest;
      runs += 1;
      if (!(await fails(simpler))) continue;
      smallest = simpler;
      progress = true;
      break;
    }
  }
  return smallest;
}
