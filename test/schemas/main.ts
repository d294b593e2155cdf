// Writes the schema of each output into `schemas/`. With `--check` it writes nothing, and fails where a file is stale.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { schemasOfOutputs } from "./schemas-of.ts";

const folder = "schemas";

const texts = new Map(
  [...schemasOfOutputs()].map(([name, schema]) => [
    `${name}.json`,
    `${JSON.stringify(schema, null, 2)}\n`,
  ]),
);
await mkdir(folder, { recursive: true });
const surplus = (await readdir(folder)).filter((name) => !texts.has(name));
if (process.argv.includes("--check")) {
  const stale: string[] = [];
  for (const [name, text] of texts) {
    if ((await readFile(join(folder, name), "utf8").catch(() => "")) !== text) stale.push(name);
  }
  const wrong = [...stale, ...surplus].toSorted();
  if (wrong.length > 0) {
    process.stderr.write(`stale in ${folder}/: ${wrong.join(", ")}: run \`npm run schemas\`\n`);
    process.exitCode = 1;
  }
} else {
  for (const name of surplus) await rm(join(folder, name));
  for (const [name, text] of texts) await writeFile(join(folder, name), text);
}
