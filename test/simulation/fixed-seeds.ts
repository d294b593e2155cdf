import { createEdgeCounter } from "../support/edge-counts.ts";
import { type SimulationResult, simulate } from "./simulate.ts";

/** Seeds that are run each time: what they take of both machines is drawn on the diagrams. */
const [first, last] = [1_001, 1_020];

/** Runs the fixed seeds; answers with their results, and the edges that they took as a file. */
export async function runFixedSeeds(): Promise<{
  readonly results: readonly SimulationResult[];
  readonly counts: string;
}> {
  const results: SimulationResult[] = [];
  const counters = createEdgeCounter();
  for (let seed = first; seed <= last; seed += 1) {
    // Each run has a fleet of its own: its actors are not those of the run before.
    results.push(
      await simulate(seed, (entry) => counters.see({ ...entry, actor: `${seed}/${entry.actor}` })),
    );
  }
  return { results, counts: counters.text() };
}
