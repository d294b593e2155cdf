import { fileURLToPath } from "node:url";
import { limits } from "../src/limits.ts";
import { runCommand } from "../src/ports/process.ts";
import type { Run } from "./figures.ts";
import { fillCollection, withMaterial } from "./material.ts";

const child = fileURLToPath(new URL("./memory-child.js", import.meta.url));

/** Peak memory in MB of one process that backs up and restores so much data. */
async function peak(megabytes: number): Promise<number> {
  return withMaterial(async ({ client, set, folder }) => {
    await fillCollection(client, "bench", megabytes);
    const ran = await runCommand(process.execPath, [child, set.url(), folder], {
      timeoutMs: limits.indexBuildTimeMsMax,
    });
    if (ran?.exitCode !== 0) throw new Error(ran?.stderr ?? "no answer");
    return Number(ran.stdout);
  });
}

/** Peak memory in MB of a backup and restore of 1 GB, against that of 100 MB. */
export async function backupMemory(): Promise<Run> {
  return { against: await peak(100), value: await peak(1_000) };
}
