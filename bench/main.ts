import { agenda } from "./against/agenda.ts";
import { dbos } from "./against/dbos.ts";
import { mongodbWorld } from "./against/mongodb-world.ts";
import { restate } from "./against/restate.ts";
import { backup, restore } from "./copy.ts";
import { downtime5Of200, downtime21, downtime200 } from "./downtime.ts";
import { processorTimeOf } from "./engine/processor-time.ts";
import { engineTakeover, manyActors, timers } from "./engine/sleepers.ts";
import { sequential, transitionsOf } from "./engine/transitions.ts";
import { fencedBatches } from "./fenced-batches.ts";
import { type Figure, figureOf, type Run } from "./figures.ts";
import { backupMemory } from "./memory.ts";
import { page } from "./page.ts";
import { takeover } from "./takeover.ts";

/** A group is asked for by its name, too. */
const benchmarks: Readonly<
  Record<string, { run: () => Promise<Run>; unit: string; runs: number; group?: string }>
> = {
  takeover: { run: takeover, unit: "ms", runs: 3 },
  backup: { run: backup, unit: "MB/s", runs: 3 },
  restore: { run: restore, unit: "MB/s", runs: 3 },
  "backup-memory": { run: backupMemory, unit: "MB", runs: 1 },
  "fenced-batches": { run: fencedBatches, unit: "s", runs: 3 },
  "transitions-1000": {
    run: transitionsOf(1_000, 60_000),
    unit: "1/s",
    runs: 3,
    group: "transitions",
  },
  "transitions-10000": {
    run: transitionsOf(10_000, 60_000),
    unit: "1/s",
    runs: 3,
    group: "transitions",
  },
  "processor-time-1000": {
    run: processorTimeOf(1_000, 60_000),
    unit: "us",
    runs: 3,
    group: "processor-time",
  },
  "processor-time-10000": {
    run: processorTimeOf(10_000, 60_000),
    unit: "us",
    runs: 3,
    group: "processor-time",
  },
  sequential: { run: sequential, unit: "ms", runs: 3 },
  "engine-takeover": { run: engineTakeover, unit: "s", runs: 3 },
  "many-actors": { run: manyActors, unit: "s", runs: 1 },
  timers: { run: timers, unit: "ms", runs: 1 },
  page: { run: page, unit: "ms", runs: 3 },
  dbos: { run: dbos, unit: "1/s", runs: 3 },
  restate: { run: restate, unit: "1/s", runs: 3 },
  agenda: { run: agenda, unit: "1/s", runs: 3 },
  "mongodb-world": { run: mongodbWorld, unit: "1/s", runs: 3 },
  "downtime-21": { run: downtime21, unit: "s", runs: 3, group: "downtime" },
  "downtime-200": { run: downtime200, unit: "s", runs: 3, group: "downtime" },
  "downtime-5-of-200": { run: downtime5Of200, unit: "s", runs: 3, group: "downtime" },
};

const words = process.argv.slice(2);
const json = words.includes("--json");
const names = words.filter((word) => word !== "--json");
const groups = Object.values(benchmarks).flatMap(({ group }) => group ?? []);
const known = [...new Set([...Object.keys(benchmarks), ...groups])];
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(
    `unknown ${unknown.join(", ")}: expected --json or one of ${known.join(", ")}\n`,
  );
  process.exit(2);
}

// The story's own lines would mix with the figures.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
const figures: Figure[] = [];
for (const [name, { run, unit, runs, group = name }] of Object.entries(benchmarks)) {
  if (names.length > 0 && !names.includes(name) && !names.includes(group)) continue;
  const results: Run[] = [];
  for (let count = 0; count < runs; count += 1) results.push(await run());
  figures.push(figureOf(name, unit, results));
}
write(`${JSON.stringify({ figures }, null, json ? 0 : 2)}\n`);
process.exit(0);
