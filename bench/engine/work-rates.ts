import type { MongoClient } from "mongodb";
import { createEngine } from "../../src/engine/create-engine.ts";
import { silentLog } from "../../src/log.ts";
import { inParallel, perSecond } from "../in-parallel.ts";
import { counter, laborer } from "./chart.ts";

/** So many runs of so many steps each, `atOnce` of them at the same time. */
export interface Workload {
  readonly runs: number;
  readonly steps: number;
  readonly atOnce: number;
}

/** Transitions per second of whole runs: a start, one event after the other, and a stop. Starts and stops do not count. */
export async function transitionsOfRuns(
  client: MongoClient,
  { runs, steps, atOnce }: Workload,
): Promise<number> {
  const means = { client, database: "engine", log: silentLog };
  const engine = await createEngine({ ...means, machines: [counter] });
  const runOf = (name: string) => async (index: number) => {
    const id = await engine.start(counter, { id: `${name}-${index}`, input: { owner: name } });
    for (let step = 0; step < steps; step += 1) await engine.send(counter, id, { type: "NEXT" });
    await engine.stop(id);
  };
  await inParallel(Math.ceil(runs / 10), atOnce, runOf("warm"));
  const rate = await perSecond(runs * steps, () => inParallel(runs, atOnce, runOf("run")));
  await engine.close();
  return rate;
}

/** Durable tasks per second of whole runs, from the first start to the commit of the last end. */
export async function tasksOfRuns(
  client: MongoClient,
  { runs, steps, atOnce }: Workload,
): Promise<number> {
  const waiting: (() => void)[] = [];
  const machine = laborer(() => waiting.shift()?.());
  const means = { client, database: "engine-tasks", log: silentLog };
  const engine = await createEngine({ ...means, machines: [machine] });
  // The ends come in any order: each one frees a lane, and all have come when the last lane is free.
  const runOf = (name: string) => async (index: number) => {
    const end = new Promise<void>((resolve) => waiting.push(resolve));
    await engine.start(machine, { id: `${name}-${index}`, input: { steps } });
    await end;
  };
  await inParallel(Math.ceil(runs / 10), atOnce, runOf("warm"));
  const rate = await perSecond(runs * steps, () => inParallel(runs, atOnce, runOf("run")));
  await engine.close();
  return rate;
}
