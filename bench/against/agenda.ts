import { tasksOfRuns } from "../engine/work-rates.ts";
import type { Run } from "../figures.ts";
import { withMaterial } from "../material.ts";
import { versionsOf } from "./install-peers.ts";
import { withPeers } from "./peers.ts";

const workload = { runs: 2_000, steps: 1, atOnce: 100 };
const processEvery = 100;

/** Our tasks per second, each of an actor of its own, against the jobs per second of Agenda. */
export async function agenda(): Promise<Run> {
  const against = await withMaterial(({ set }) =>
    withPeers((peers) => {
      const url = `${set.url()}&w=majority&journal=true`;
      return peers.ask<{ perSecond: number }>("agenda.mjs", { ...workload, url, processEvery });
    }),
  );
  const value = await withMaterial(({ client }) => tasksOfRuns(client, workload));
  return {
    ...{ value, against: against.perSecond },
    comparison: {
      compared: `${workload.runs} jobs, ${workload.atOnce} on their way at once, from their creation to their recorded end: jobs/s of Agenda against our actors/s, each with one durable task`,
      settings: {
        ...(await versionsOf(["agenda", "@agendajs/mongo-backend", "mongodb"])),
        "Agenda processEvery": `${processEvery} ms`,
        "Agenda maxConcurrency, defaultConcurrency": `${workload.atOnce}`,
        both: "one process, three members, w:majority, j:true",
      },
      notShown: [
        "Agenda has no states: a job is one document that it locks and writes back",
        "Agenda records no history; our journal keeps each transition",
      ],
    },
  };
}
