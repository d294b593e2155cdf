import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { exploredCounts } from "./counts.ts";
import { explore } from "./explore.ts";
import { type Published, publishedLong, publishedShort } from "./published.ts";
import { type Budget, budgetKinds, noFaults } from "./vocabulary.ts";

/**
 * `npm run explore`: all published explorations, each against its number of states.
 * `-- --bounds inAll=2,crashes=2,…` explores these bounds instead; `--states-max N` ends it early;
 * `--short` explores what the tests do; `--counts FILE` writes how often each edge was taken.
 */
const { values } = parseArgs({
  options: {
    bounds: { type: "string" },
    counts: { type: "string" },
    short: { type: "boolean", default: false },
    "states-max": { type: "string", default: "20000000" },
  },
});

function boundsOf(text: string): Budget {
  const parts = text.split(",").map((part) => part.split("="));
  const asked = parts.map(([kind, number]) => [kind, Number(number)] as const);
  return { ...noFaults, ...Object.fromEntries(asked) };
}

const words = (budget: Budget) => budgetKinds.map((kind) => `${kind} ${budget[kind]}`).join(", ");

function run({ name, budget, states }: Omit<Published, "states"> & { states?: number }): boolean {
  process.stdout.write(`${name} (at most: ${words(budget)})\n`);
  const startMs = performance.now();
  const found = explore({
    budget,
    statesMax: Number(values["states-max"]),
    progress: (known, depth) => process.stderr.write(`\r  depth ${depth}: ${known} states`),
  });
  process.stderr.write("\n");
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const { violation, actions, depth, ends } = found;
  process.stdout.write(
    `  ${found.states} states, ${actions} actions, ${depth} deep, ${ends} ends, in ${seconds} s\n`,
  );
  if (violation) {
    process.stdout.write(`  broken: ${violation.broken.join("; ")}\n`);
    process.stdout.write(`    ${violation.path.join("\n    ")}\n`);
  }
  if (states !== undefined && found.states !== states) {
    process.stdout.write(`  expected ${states} states, as published\n`);
    return false;
  }
  return violation === null;
}

const published = values.short ? publishedShort : [...publishedShort, ...publishedLong];
const explorations =
  values.bounds === undefined ? published : [{ name: "as asked", budget: boundsOf(values.bounds) }];
const good = explorations.map(run).every((one) => one);
if (values.counts !== undefined) {
  await writeFile(values.counts, exploredCounts());
}
process.exitCode = good ? 0 : 1;
