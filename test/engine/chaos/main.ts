import { setTimeout as wait } from "node:timers/promises";
import { Command } from "commander";
import { findMongod } from "../../../src/local/find-mongod.ts";
import { type ReplicaSet, startReplicaSet } from "../../../src/local/replica-set.ts";
import { createNetwork, type Network } from "../../chaos/network.ts";
import { countBy } from "../../chaos/summary.ts";
import { createDraw, type Draw } from "../../simulation/draw.ts";
import { type ChaosWorld, createChaosWorld } from "./chaos-world.ts";
import { endTroubles } from "./checks.ts";
import { doFaults } from "./faults.ts";
import { startLoad } from "./load.ts";
import { drawRun, type FaultKind, type RunPlan } from "./plan.ts";
import { type Watcher, watchTrip } from "./watcher.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);

interface RunResult {
  readonly faults: readonly FaultKind[];
  readonly answered: number;
  readonly transitions: number;
  readonly troubles: readonly string[];
}

/** Lets the network, the members and the workers go on as if nothing had happened. */
async function rest(world: ChaosWorld): Promise<void> {
  const { set, network, workers } = world;
  network.heal();
  for (const member of set.members) {
    if (member.alive) member.resume();
    else await member.restart();
  }
  await set.primary();
  if (workers.every(({ version }) => version !== "1.0.0")) await world.join("1.0.0");
}

async function play(world: ChaosWorld, plan: RunPlan, draw: Draw): Promise<RunResult> {
  const done: FaultKind[] = [];
  for (let count = 0; count < plan.workers; count += 1) await world.join("1.0.0");
  const load = await startLoad(world, plan, draw.fork("load"));
  const reader = await world.sender(["1.0.0", "2.0.0"]);
  const watchers: Watcher[] = [];
  const choice = draw.fork("faults");
  for (const [index, fault] of plan.faults.entries()) {
    await wait(fault.afterMs);
    if (plan.newerAfter === index) {
      await world.join("2.0.0");
      await load.knowNewer();
    }
    const trip = load.trips.at(-1);
    if (trip && !watchers.some(({ id }) => id === trip.id))
      watchers.push(watchTrip(reader, trip.id));
    done.push(...(await doFaults(fault, world, choice)));
  }
  await rest(world);
  await load.stop();
  const { trips, answered } = load;
  const troubles = [...load.troubles, ...(await endTroubles(world, reader, { trips, watchers }))];
  await Promise.all(watchers.map((each) => each.stop()));
  const { tails } = await world.store.tails(trips.map(({ id }) => id));
  const transitions = tails.reduce((sum, { revision }) => sum + revision, 0);
  return { faults: done, answered: answered(), transitions, troubles };
}

/** One run on a database of its own. */
async function run(
  { set, network }: { set: ReplicaSet; network: Network },
  { seed, number }: { seed: number; number: number },
): Promise<RunResult> {
  const draw = createDraw(seed * 10_007 + number);
  const plan = drawRun(draw.fork("plan"));
  say(`run ${number} of seed ${seed}: ${JSON.stringify(plan)}`);
  const world = await createChaosWorld(set, network, `chaos_${seed}_${number}`);
  try {
    const result = await play(world, plan, draw);
    const { answered, transitions, troubles } = result;
    say(`  ${answered} answers, ${transitions} transitions, ${troubles.length} troubles`);
    return result;
  } catch (error) {
    return { faults: [], answered: 0, transitions: 0, troubles: [String(error)] };
  } finally {
    await rest(world).catch(() => {});
    await world.close();
  }
}

async function main(options: { minutes: string; seed: string; run?: string }) {
  const mongod = await findMongod({ environment: process.env, say });
  const end = performance.now() + Number(options.minutes) * 60_000;
  const only = options.run === undefined ? null : Number(options.run);
  const seed = Number(options.seed);
  const network = createNetwork();
  const set = await startReplicaSet({ mongodPath: mongod.path, front: network.front });
  const results: RunResult[] = [];
  try {
    for (let number = only ?? 1; only === null || number === only; number += 1) {
      const result = await run({ set, network }, { seed, number });
      results.push(result);
      for (const trouble of result.troubles) say(`  FAILED: run ${number}: ${trouble}`);
      if (performance.now() > end) break;
    }
  } finally {
    await set.stop();
    await network.close();
  }
  const sum = (of: (result: RunResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const failed = results.filter(({ troubles }) => troubles.length > 0).length;
  const transitions = sum((result) => result.transitions);
  const faults = countBy(results.flatMap((result) => result.faults));
  say(
    JSON.stringify({
      ...{ seed, runs: results.length, failed, answered: sum((result) => result.answered) },
      ...{ transitions, faults },
    }),
  );
  // A run without transitions proves nothing.
  process.exitCode = failed > 0 || transitions === 0 ? 1 : 0;
}

await new Command("engine-chaos")
  .description("real workers of an engine on real mongods, and real faults, from a seed")
  .requiredOption("--minutes <minutes>", "no run starts after this")
  .requiredOption("--seed <number>", "draws all plans")
  .option("--run <number>", "only this run of the seed")
  .action(main)
  .parseAsync();
