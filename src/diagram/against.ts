import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { runCommand } from "../ports/process.ts";
import type { Chart } from "./chart.ts";
import { chartShape } from "./chart-shape.ts";
import { differenceOf } from "./difference.ts";
import { svgOf } from "./svg/draw.ts";
import { layoutOf } from "./svg/layout.ts";

/** Where the pictures of differences go: no commit contains them. */
const directory = join("dist", "diagrams");

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The chart of a machine as a commit has it.
 * @throws LockstepError `bad-argument`
 */
async function chartAt(ref: string, name: string): Promise<Chart> {
  const path = `diagrams/${name}.json`;
  const git = ["show", "--end-of-options", `${ref}:${path}`];
  const shown = await runCommand("git", git, { timeoutMs: limits.gitTimeoutMs });
  const found = shown?.exitCode === 0 ? parsed(shown.stdout) : undefined;
  const wrong = chartShape(found, path);
  if (wrong === null) return found as Chart;
  throw new LockstepError(
    "bad-argument",
    `expected the chart ${path} in the commit "${ref}", found none (${shown?.stderr.trim() || wrong}): name a commit that has it`,
    { ref, path },
  );
}

/**
 * Draws what has changed in each machine since a commit.
 * @returns the lines of all changes, each machine under its name
 * @throws LockstepError `bad-argument`
 */
export async function drawAgainst(
  ref: string,
  charts: readonly Chart[],
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const chart of charts) {
    const difference = differenceOf(await chartAt(ref, chart.name), chart);
    if (difference.lines.length === 0) {
      lines.push(`# ${chart.name}: as in ${ref}`);
      continue;
    }
    const { notes } = difference;
    const title = `${chart.name}, changes since ${ref}`;
    const svg = svgOf(await layoutOf(difference.chart, notes), { notes, title });
    const path = join(directory, `${chart.name}-against.svg`);
    await mkdir(directory, { recursive: true });
    await writeFile(path, svg);
    lines.push(`# ${chart.name}: changes since ${ref}, drawn in ${path}`, ...difference.lines);
  }
  return lines;
}
