import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { agentMachine } from "../../machines/agent.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { catalogueOf } from "./catalogue.ts";
import { chartOf } from "./chart.ts";
import { mermaidOf } from "./mermaid.ts";

/** The README with the pictures between their markers made anew. Pure. */
function withPictures(readme: string, pictures: ReadonlyMap<string, string>): string {
  return readme.replace(
    /(<!-- diagram (\w+) -->\n)[\s\S]*?(<!-- \/diagram -->)/g,
    (_whole, open: string, name: string, close: string) =>
      `${open}\`\`\`mermaid\n${pictures.get(name) ?? ""}\`\`\`\n${close}`,
  );
}

/** The files that the machines make, by path. */
async function filesOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const pictures = new Map<string, string>();
  for (const machine of [upgradeMachine, agentMachine]) {
    const chart = chartOf(machine);
    pictures.set(chart.name, mermaidOf(chart));
    files.set(join(directory, `${chart.name}.mmd`), mermaidOf(chart));
    files.set(join(directory, `${chart.name}.md`), catalogueOf(chart));
  }
  files.set("README.md", withPictures(await readFile("README.md", "utf8"), pictures));
  return files;
}

const files = await filesOf("diagrams");
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
