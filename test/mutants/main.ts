import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runCommand } from "../../src/ports/process.ts";
import { type Layer, type Mutant, mutants } from "./mutants.ts";

/**
 * `npm run protocol-mutants [-- --only NAME]`: breaks the protocol on purpose, in a copy of the sources, and
 * runs the layer of tests that is named for it: one that says nothing is no test.
 */
const { values } = parseArgs({
  options: { only: { type: "string" }, layer: { type: "string" } },
});
const layerTimeoutMs = 10 * 60_000;
const node = process.execPath;
const vitest = ["node_modules/vitest/vitest.mjs", "run"];

const commands: Readonly<Record<Layer, (mutant: Mutant) => readonly string[]>> = {
  simulation: () => ["dist/test/simulation/main.js", ...["--seeds", "1000", "--stop"]],
  tests: ({ files = [] }) => [...vitest, ...files],
};

async function breakSources(root: string, { edits }: Mutant): Promise<() => Promise<void>> {
  const kept = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const path = join(root, file);
    const text = await readFile(path, "utf8");
    if (!kept.has(path)) kept.set(path, text);
    const places = text.split(find).length - 1;
    if (places !== 1) throw new Error(`${file}: expected one place, found ${places}: ${find}`);
    await writeFile(
      path,
      text.replace(find, () => replace),
    );
  }
  return async () => {
    for (const [path, text] of kept) await writeFile(path, text);
  };
}

async function judge(root: string, mutant: Mutant): Promise<string | null> {
  const mend = await breakSources(root, mutant);
  try {
    const run = (command: readonly string[]) =>
      runCommand(node, command, {
        cwd: root,
        timeoutMs: layerTimeoutMs,
        signal: interrupted.signal,
      });
    // What a mutant leaves unused is no mistake of its own.
    const lenient = ["--noUnusedLocals", "false", "--noUnusedParameters", "false"];
    const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", ...lenient];
    const built = await run(tsc);
    if (built?.exitCode !== 0) return `it does not compile: ${built?.stdout.slice(0, 500)}`;
    const ran = await run(commands[mutant.layer](mutant));
    const said = `${ran?.stdout}\n${ran?.stderr}`;
    if (ran?.exitCode === 0) return "it survives";
    return mutant.says.test(said) ? null : `caught for another reason: ${said.slice(-1_500)}`;
  } finally {
    await mend();
  }
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort());
}
const root = await mkdtemp(join(tmpdir(), "lockstep-mutants-"));
let [caught, survivors] = [0, 0];
try {
  for (const name of ["src", "machines", "demo", "bench", "test", "diagrams", ".ci", "README.md"]) {
    await cp(resolve(name), join(root, name), { recursive: true });
  }
  for (const name of ["package.json", "tsconfig.json", "tsconfig.build.json", "vitest.config.ts"]) {
    await cp(resolve(name), join(root, name));
  }
  await symlink(resolve("node_modules"), join(root, "node_modules"));
  for (const mutant of mutants) {
    if (interrupted.signal.aborted) break;
    if (values.only !== undefined && mutant.name !== values.only) continue;
    if (values.layer !== undefined && mutant.layer !== values.layer) continue;
    const startMs = performance.now();
    const verdict = await judge(root, mutant);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    process.stdout.write(
      `${verdict === null ? "caught" : "NOT CAUGHT"} by ${mutant.layer}: ${mutant.name} (${seconds} s)${verdict === null ? "" : `\n${verdict}`}\n`,
    );
    if (verdict === null) caught += 1;
    else survivors += 1;
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify({ caught, survivors })}\n`);
process.exitCode = survivors === 0 && caught > 0 ? 0 : 1;
