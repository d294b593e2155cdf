import { parseArgs } from "node:util";
import { simulateEngine } from "./simulate.ts";

/** `npm run engine-simulate -- --seeds N --seed S [--stop]`: the runs of the seeds S … S+N-1. */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    stop: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const failed: number[] = [];
const startMs = performance.now();
const say = (text: string) => void process.stdout.write(`${text}\n`);
let count = 0;
for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  const { problems, timeline } = await simulateEngine(seed);
  count += 1;
  if (problems.length === 0) continue;
  failed.push(seed);
  say(`seed ${seed} failed: ${problems.slice(0, 5).join("; ")}`);
  if (!values.stop) continue;
  say(`  ${timeline.join("\n  ")}`);
  break;
}
const seconds = (performance.now() - startMs) / 1_000;
say(JSON.stringify({ seeds: count, failed: failed.length, seconds }));
process.exitCode = failed.length === 0 ? 0 : 1;
