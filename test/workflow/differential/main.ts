// Compares generated charts with live XState: `npm run engine-differential -- --seeds N --seed S`.
import { inspect, parseArgs } from "node:util";
import fc from "fast-check";
import { anyChart, anyScript } from "./chart-spec.ts";
import { compareRevived } from "./compare.ts";
import { shortChart } from "./short-chart.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
  },
});
const [numRuns, seed] = [Number(values.seeds), Number(values.seed)];
const tally = { steps: 0, ends: 0, rejected: 0, refused: 0, orphans: 0 };
const startMs = performance.now();
const result = await fc.check(
  fc.asyncProperty(anyChart, anyScript, async (chart, script) => {
    await compareRevived(chart, script, "one event", tally);
  }),
  { numRuns, seed },
);
const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
if (!result.failed) {
  console.log(`${numRuns} charts of seed ${seed} behave as live XState`, tally, `${seconds} s`);
} else {
  const [chart, script] = result.counterexample ?? [];
  console.log(inspect(shortChart(chart), { depth: 30, breakLength: 140, compact: 6 }));
  console.log(JSON.stringify(script));
  console.log(`seed ${seed}, path ${result.counterexamplePath}, run ${result.numRuns}`);
  console.log(result.errorInstance);
  process.exitCode = 1;
}
