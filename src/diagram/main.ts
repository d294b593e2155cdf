import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { messageOf } from "../errors.ts";
import { drawAgainst } from "./against.ts";
import { catalogueOf } from "./catalogue.ts";
import { type Chart, chartOf } from "./chart.ts";
import {
  type CountsBySource,
  countSources,
  type EdgeCounts,
  unknownEdges,
  untakenEdges,
} from "./edge-counts.ts";
import { mermaidOf } from "./mermaid.ts";
import { svgOf } from "./svg/draw.ts";
import { layoutOf } from "./svg/layout.ts";

/** The page that shows pictures between markers. */
const picturePage = "docs/guide.md";

/** A page with new pictures between their markers. Pure. */
function withPictures(page: string, pictures: ReadonlyMap<string, string>): string {
  return page.replace(
    /(<!-- diagram (\w+) -->\n)[\s\S]*?(<!-- \/diagram -->)/g,
    (_whole, open: string, name: string, close: string) =>
      `${open}\`\`\`mermaid\n${pictures.get(name) ?? ""}\`\`\`\n${close}`,
  );
}

/** The counts of each source for one machine, where its file exists. */
async function readCounts(directory: string, machine: string): Promise<CountsBySource> {
  const counts: Partial<Record<string, EdgeCounts>> = {};
  for (const source of countSources) {
    const path = join(directory, "counts", `${source}.json`);
    const text = await readFile(path, "utf8").catch(() => null);
    if (text === null) continue;
    counts[source] = (JSON.parse(text) as Record<string, EdgeCounts>)[machine] ?? {};
  }
  return counts;
}

interface Drawn {
  readonly chart: Chart;
  readonly counts: CountsBySource;
}

/** The files that are made from the machines, by path. */
async function filesOf(
  directory: string,
  drawn: readonly Drawn[],
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const pictures = new Map<string, string>();
  for (const { chart, counts } of drawn) {
    pictures.set(chart.name, mermaidOf(chart));
    files.set(join(directory, `${chart.name}.mmd`), mermaidOf(chart, counts));
    files.set(join(directory, `${chart.name}.md`), catalogueOf(chart, counts));
    files.set(join(directory, `${chart.name}.json`), `${JSON.stringify(chart, null, 2)}\n`);
    for (const brief of [false, true]) {
      const notes = { counts, brief };
      const path = join(directory, `${chart.name}${brief ? "-brief" : ""}.svg`);
      files.set(path, svgOf(await layoutOf(chart, notes), { notes }));
    }
  }
  files.set(picturePage, withPictures(await readFile(picturePage, "utf8"), pictures));
  return files;
}

/** The faults of the committed diagrams, a line each. */
async function problemsOf(
  files: ReadonlyMap<string, string>,
  drawn: readonly Drawn[],
): Promise<readonly string[]> {
  const problems: string[] = [];
  const stale: string[] = [];
  for (const [path, text] of files) {
    if ((await readFile(path, "utf8").catch(() => "")) !== text) stale.push(path);
  }
  if (stale.length > 0) problems.push(`stale: ${stale.join(", ")}: run \`npm run diagrams\``);
  for (const { chart, counts } of drawn) {
    const said = (edge: string) => `${chart.name}: ${edge}`;
    for (const edge of untakenEdges(chart, counts)) problems.push(`taken by none: ${said(edge)}`);
    for (const edge of unknownEdges(chart, counts)) problems.push(`no such edge: ${said(edge)}`);
  }
  return problems;
}

/** Compares with what is committed, or writes it anew. */
async function checkOrWrite(drawn: readonly Drawn[], isCheck: boolean): Promise<void> {
  const files = await filesOf("diagrams", drawn);
  if (isCheck) {
    const problems = await problemsOf(files, drawn);
    for (const problem of problems) process.stderr.write(`${problem}\n`);
    if (problems.length > 0) process.exitCode = 1;
    return;
  }
  await mkdir("diagrams", { recursive: true });
  for (const [path, text] of files) await writeFile(path, text);
}

/** Shows what has changed in each machine since a commit. */
async function showAgainst(drawn: readonly Drawn[], ref: string): Promise<void> {
  try {
    const charts = drawn.map(({ chart }) => chart);
    process.stdout.write(`${(await drawAgainst(ref, charts)).join("\n")}\n`);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

const drawn = await Promise.all(
  [upgradeMachine, participantMachine].map(async (machine) => {
    const chart = chartOf(machine);
    return { chart, counts: await readCounts("diagrams", chart.name) };
  }),
);
const [, , word, ref = "HEAD"] = process.argv;
if (word === "--against") await showAgainst(drawn, ref);
else await checkOrWrite(drawn, word === "--check");
