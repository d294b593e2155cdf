import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentMachine } from "../../machines/agent.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { catalogueOf } from "./catalogue.ts";
import { chartOf } from "./chart.ts";
import { mermaidOf } from "./mermaid.ts";

/** The files that the machines make, by path. */
function filesOf(directory: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const machine of [upgradeMachine, agentMachine]) {
    const chart = chartOf(machine);
    files.set(join(directory, `${chart.name}.mmd`), mermaidOf(chart));
    files.set(join(directory, `${chart.name}.md`), catalogueOf(chart));
  }
  return files;
}

const files = filesOf("diagrams");
if (process.argv.includes("--check")) {
  const stale: string[] = [];
  for (const [path, text] of files) {
    if ((await readFile(path, "utf8").catch(() => "")) !== text) stale.push(path);
  }
  if (stale.length > 0) {
    process.stderr.write(`stale: ${stale.join(", ")}: run \`npm run diagrams\`\n`);
    process.exitCode = 1;
  }
} else {
  await mkdir("diagrams", { recursive: true });
  for (const [path, text] of files) await writeFile(path, text);
}
