import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { drawPlan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { type SimulationResult, simulatePlan } from "./simulate.ts";

/**
 * `npm run simulate -- --seeds N --seed S [--from-seed F] [--stop]`: the seeds S … S+N-1, or those of them
 * from F on (what an interrupted run says it goes on from). A failing one is shrunk and told in full; with
 * `--stop` the first one ends the run, as it is.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    "from-seed": { type: "string" },
    stop: { type: "boolean", default: false },
    workers: { type: "string", default: String(availableParallelism()) },
  },
});
const last = Number(values.seed) + Number(values.seeds) - 1;
const start = Number(values["from-seed"] ?? values.seed);
const say = (text: string) => void process.stdout.write(`${text}\n`);

const startMs = performance.now();
const failed: number[] = [];
const open = new Set<number>();
const ends: Record<string, number> = {};
let [next, count, simulatedMs, stopped] = [start, 0, 0, false];

function take(result: SimulationResult): void {
  open.delete(result.seed);
  count += 1;
  simulatedMs += result.simulatedMs;
  for (const end of result.ends) ends[end] = (ends[end] ?? 0) + 1;
  if (count % 1_000 === 0) {
    const hours = Math.round(simulatedMs / 3_600_000);
    say(`… ${count} seeds, ${hours} simulated hours, ${failed.length} failed`);
  }
  if (result.problems.length === 0) return;
  failed.push(result.seed);
  say(`seed ${result.seed} failed: ${result.problems.join("; ")}`);
  if (values.stop) stopped = true;
}

function work(): Promise<void> {
  return new Promise((resolve, reject) => {
    // Nearly all that a seed makes dies young.
    const resourceLimits = { maxYoungGenerationSizeMb: 128 };
    const worker = new Worker(new URL("./worker.js", import.meta.url), { resourceLimits });
    const give = () => {
      const isOver = stopped || next > last;
      if (!isOver) open.add(next);
      worker.postMessage(isOver ? null : next);
      if (!isOver) next += 1;
    };
    worker.on("message", (result: SimulationResult) => {
      take(result);
      give();
    });
    worker.once("error", reject);
    worker.once("exit", () => resolve());
    give();
  });
}

process.once("SIGINT", () => {
  stopped = true;
});
await Promise.all(Array.from({ length: Number(values.workers) }, work));
const elapsedMs = performance.now() - startMs;

for (const seed of values.stop ? [] : failed.slice(0, 3)) {
  const plan = await shrink(drawPlan(seed));
  const { timeline, problems } = await simulatePlan(plan);
  say(`\nseed ${seed}, shrunk\n  ${timeline.join("\n  ")}\n  ${problems.join("\n  ")}`);
  say(`to keep as test/simulation/kept-plans/${seed}.json: ${JSON.stringify(plan)}`);
}
if (next <= last && stopped) say(`interrupted: go on with --from-seed ${Math.min(...open, next)}`);
const figures = {
  ...{ seeds: count, failed: failed.length, ends },
  simulatedHours: simulatedMs / 3_600_000,
  seconds: elapsedMs / 1000,
  timesRealTimePerCore: simulatedMs / elapsedMs / Number(values.workers),
};
say(JSON.stringify(figures));
process.exitCode = failed.length === 0 ? 0 : 1;
