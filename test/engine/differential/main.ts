// `npm run engine-differential -- --charts N --seed S [--every-crash]`: see docs/verification.md.
import { inspect, parseArgs } from "node:util";
import fc from "fast-check";
import { anyChart, anyPicks, anyScript } from "./chart-spec.ts";
import { newTally } from "./compare.ts";
import { compareEngine } from "./compare-engine.ts";
import { compareRevived } from "./compare-revived.ts";
import { shortChart } from "./short-chart.ts";

const { values } = parseArgs({
  options: {
    charts: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    "every-crash": { type: "boolean", default: false },
  },
});
const [charts, seed] = [Number(values.charts), Number(values.seed)];

async function check(
  name: string,
  numRuns: number,
  property: (tally: ReturnType<typeof newTally>) => fc.IRawProperty<unknown>,
): Promise<void> {
  const tally = newTally();
  const startMs = performance.now();
  const result = await fc.check(property(tally), { numRuns, seed });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (!result.failed) {
    console.log(`${name}: ${numRuns} charts of seed ${seed} are as live`, tally, `${seconds} s`);
    return;
  }
  const [chart, ...rest] = result.counterexample as readonly unknown[];
  console.log(inspect(shortChart(chart), { depth: 30, breakLength: 140, compact: 6 }));
  console.log(JSON.stringify(rest));
  console.log(`${name}: seed ${seed}, path ${result.counterexamplePath}, run ${result.numRuns}`);
  console.log(result.errorInstance);
  process.exitCode = 1;
}

await check("revived", charts, (tally) =>
  fc.asyncProperty(anyChart, anyScript, (chart, script) => compareRevived(chart, script, tally)),
);
await check("engine", Math.ceil(charts / 10), (tally) =>
  fc.asyncProperty(anyChart, anyScript, anyPicks, (chart, script, picks) =>
    compareEngine(chart, script, values["every-crash"] ? "all" : picks, tally),
  ),
);
