import { readFile, writeFile } from "node:fs/promises";
import { Command } from "commander";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import type { Entry } from "../../src/journal/store.ts";
import { findMongod } from "../../src/local/find-mongod.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { createDraw } from "../simulation/draw.ts";
import { createEdgeCounter } from "../support/edge-counts.ts";
import { startFleet, type TestFleet } from "../support/start-fleet.ts";
import { createNetwork } from "./network.ts";
import { drawRun } from "./plan.ts";
import { replay } from "./replay.ts";
import { runUpgrade, type UpgradeResult } from "./run-upgrade.ts";
import { summary, takeoverTimes } from "./summary.ts";

const upgradesOfARun = 8;
const say = (text: string) => process.stdout.write(`${text}\n`);

async function readJournals(fleet: TestFleet): Promise<readonly (readonly Entry[])[]> {
  const store = createMongoStore({
    client: fleet.client,
    databaseName: "lockstep_things",
    faultPoints: noFaults,
    clock: systemClock,
  });
  const tails = await store.tails("");
  const journals = await Promise.all(tails.map(({ actor }) => store.entries(actor)));
  await store.close();
  return journals;
}

interface RunResult {
  readonly results: readonly UpgradeResult[];
  readonly journals: readonly (readonly Entry[])[];
  readonly failure: string | null;
}

/** One fleet from its first start to its last upgrade. */
async function run(options: {
  seed: number;
  run: number;
  mongodPath: string;
  isOver: () => boolean;
}): Promise<RunResult> {
  const plans = drawRun(createDraw(options.seed * 10_007 + options.run), upgradesOfARun);
  say(`run ${options.run} of seed ${options.seed}: the plan`);
  for (const plan of plans) say(`  ${JSON.stringify(plan)}`);
  const network = createNetwork();
  const fleet = await startFleet({ mongodPath: options.mongodPath, network, writes: true });
  const results: UpgradeResult[] = [];
  let where = "start";
  try {
    for (const plan of plans) {
      if (options.isOver()) break;
      where = `seed ${options.seed}, run ${options.run}, upgrade ${plan.number}`;
      say(`${where}: ${plan.kind}`);
      const startedAt = performance.now();
      const result = await runUpgrade({ fleet, network, say }, plan);
      results.push(result);
      say(`  ${result.end} after ${Math.round(performance.now() - startedAt)} ms`);
    }
    where = `seed ${options.seed}, run ${options.run}, the replay`;
    const journals = await readJournals(fleet);
    const wrong = journals.flatMap(replay);
    if (wrong.length > 0) throw new Error(wrong.slice(0, 10).join("\n"));
    return { results, journals, failure: null };
  } catch (error) {
    const logs = await Promise.all(fleet.servers.map((server) => server.lastLines(40)));
    const journals = await readJournals(fleet).catch(() => []);
    const last = journals.filter(([first]) => first?.actor.startsWith("upgrade/")).at(-1) ?? [];
    const history = last.map(({ revision, event, state, epoch, at, outcome }) =>
      JSON.stringify({ revision, event, state, epoch, at, outcome }),
    );
    say(`FAILED: ${where}: ${String(error)}\n${history.join("\n")}\n${logs.join("\n\n")}`);
    return { results, journals: [], failure: where };
  } finally {
    network.heal();
    for (const member of fleet.set.members) if (member.alive) member.resume();
    await fleet.stop();
  }
}

/** The edges that a run saw join those that were seen before. */
async function addCounts(path: string, journals: RunResult["journals"]): Promise<void> {
  const counter = createEdgeCounter(await readFile(path, "utf8").catch(() => "{}"));
  for (const entries of journals) for (const entry of entries) counter.see(entry);
  await writeFile(path, counter.text());
}

async function main(options: { minutes: string; seed: string; run?: string; counts?: string }) {
  const mongod = await findMongod({ environment: process.env, say });
  const end = performance.now() + Number(options.minutes) * 60_000;
  const isOver = () => performance.now() > end;
  const runs: RunResult[] = [];
  const only = options.run === undefined ? null : Number(options.run);
  const seed = Number(options.seed);
  for (let number = only ?? 1; !isOver() && (only === null || number === only); number += 1) {
    const done = await run({ seed, run: number, mongodPath: mongod.path, isOver });
    runs.push(done);
    if (options.counts !== undefined) await addCounts(options.counts, done.journals);
  }
  const results = runs.flatMap((each) => each.results);
  const failures = runs.flatMap(({ failure }) => failure ?? []);
  const takeoversMs = runs.flatMap((each) => takeoverTimes(each.results, each.journals));
  say(JSON.stringify({ seed, ...summary(results, takeoversMs), failures }));
  // A run without checks proves nothing.
  const isUnseen = results.every(({ checks }) => checks === 0);
  process.exitCode = failures.length > 0 || isUnseen ? 1 : 0;
}

await new Command("chaos")
  .description("real fleets, real faults, from a seed")
  .requiredOption("--minutes <minutes>", "no upgrade starts after this")
  .requiredOption("--seed <number>", "draws all plans")
  .option("--run <number>", "only this run of the seed")
  .option("--counts <file>", "adds the transitions seen to the counts in this file")
  .action(main)
  .parseAsync();
