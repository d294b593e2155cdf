import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Writes a module as a user does, with `durable` and `createMachine` imported, and gives its path. */
export async function writeMachineModule(path: string, lines: string): Promise<string> {
  const from = pathToFileURL(resolve("dist/src/engine/index.js")).href;
  const xstate = pathToFileURL(resolve("node_modules/xstate/dist/xstate.esm.js")).href;
  const imports = `import { durable } from "${from}";\nimport { createMachine } from "${xstate}";\n`;
  await writeFile(path, `${imports}${lines}\n`);
  return path;
}
