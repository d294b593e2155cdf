import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

/** `npm run simulate -- --seeds N --seed S`: N seeds from S on; a failing one prints its time line. */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
  },
});
const [count, start] = [Number(values.seeds), Number(values.seed)];
const startMs = performance.now();
let simulatedMs = 0;
const ends: Record<string, number> = {};
let failed = 0;
for (let seed = start; seed < start + count; seed += 1) {
  const result = await simulate(seed);
  simulatedMs += result.simulatedMs;
  for (const end of result.ends) ends[end] = (ends[end] ?? 0) + 1;
  if (result.problems.length === 0) continue;
  failed += 1;
  process.stdout.write(`seed ${seed} failed\n  ${result.timeline.join("\n  ")}\n`);
  process.stdout.write(`  ${result.problems.join("\n  ")}\n`);
}
const elapsedMs = performance.now() - startMs;
process.stdout.write(
  `${JSON.stringify({ seeds: count, failed, ends, simulatedHours: simulatedMs / 3_600_000, seconds: elapsedMs / 1000, timesRealTime: simulatedMs / elapsedMs })}\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
