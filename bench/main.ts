import { backup, restore } from "./copy.ts";
import { fencedBatches } from "./fenced-batches.ts";
import { type Figure, figureOf, type Run } from "./figures.ts";
import { backupMemory } from "./memory.ts";
import { takeover } from "./takeover.ts";

const benchmarks: Readonly<
  Record<string, { run: () => Promise<Run>; unit: string; runs: number }>
> = {
  takeover: { run: takeover, unit: "ms", runs: 3 },
  backup: { run: backup, unit: "MB/s", runs: 3 },
  restore: { run: restore, unit: "MB/s", runs: 3 },
  "backup-memory": { run: backupMemory, unit: "MB", runs: 1 },
  "fenced-batches": { run: fencedBatches, unit: "s", runs: 3 },
};

const words = process.argv.slice(2);
const json = words.includes("--json");
const names = words.filter((word) => word !== "--json");
const unknown = names.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  const known = Object.keys(benchmarks).join(", ");
  process.stderr.write(`unknown ${unknown.join(", ")}: expected --json or one of ${known}\n`);
  process.exit(2);
}

// The story's own lines would mix with the figures.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
const figures: Figure[] = [];
for (const [name, { run, unit, runs }] of Object.entries(benchmarks)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const results: Run[] = [];
  for (let count = 0; count < runs; count += 1) results.push(await run());
  figures.push(figureOf(name, unit, results));
}
write(`${JSON.stringify({ figures }, null, json ? 0 : 2)}\n`);
process.exit(0);
