import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runCommand } from "../../src/ports/process.ts";
import { type Layer, type Mutant, mutants } from "./mutants.ts";

/**
 * `npm run protocol-mutants [-- --only NAME --only OTHER]`: breaks the protocol on purpose, in a copy of the sources, and
 * runs the layer of tests that is named for it: one that says nothing is no test.
 */
const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, layer: { type: "string" } },
});
const layerTimeoutMs = 10 * 60_000;
const node = process.execPath;
const vitest = ["node_modules/vitest/vitest.mjs", "run"];

const simulation = (seeds: number) => [
  ...["dist/test/simulation/main.js", "--seeds", String(seeds), "--stop"],
];
const commands: Readonly<Record<Layer, (mutant: Mutant) => readonly string[]>> = {
  simulation: () => simulation(1_000),
  tests: ({ files = [] }) => [...vitest, ...files],
};
/** The run that has to succeed where nothing is broken, or a mutant's failure says nothing. */
const controls: Readonly<Record<Layer, (mutant: Mutant) => readonly string[]>> = {
  simulation: () => simulation(100),
  tests: commands.tests,
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

interface Ran {
  readonly isBuilt: boolean;
  readonly exitCode: number;
  readonly said: string;
}

/** Builds the copy, and runs the command in it where that succeeds. */
async function buildAndRun(root: string, command: readonly string[]): Promise<Ran> {
  const run = async (words: readonly string[]): Promise<Ran> => {
    const options = { cwd: root, timeoutMs: layerTimeoutMs, signal: interrupted.signal };
    const ran = await runCommand(node, words, options);
    const said = `${ran?.stdout}\n${ran?.stderr}`;
    return { isBuilt: true, exitCode: ran?.exitCode ?? 1, said };
  };
  // A mutant may leave names unused.
  const lenient = ["--noUnusedLocals", "false", "--noUnusedParameters", "false"];
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", ...lenient];
  const built = await run(tsc);
  return built.exitCode === 0 ? run(command) : { ...built, isBuilt: false };
}

/** Unbroken, each command succeeds: so it is the mutant that is noticed. */
async function control(root: string, chosen: readonly Mutant[]): Promise<void> {
  const known = new Set<string>();
  for (const mutant of chosen) {
    const command = controls[mutant.layer](mutant);
    const words = command.join(" ");
    if (known.has(words)) continue;
    known.add(words);
    const { exitCode, said } = await buildAndRun(root, command);
    if (exitCode !== 0) throw new Error(`unbroken, this fails: ${words}\n${said.slice(-1_500)}`);
  }
  process.stdout.write(`unbroken: ${known.size} commands succeed\n`);
}

async function judge(root: string, mutant: Mutant): Promise<string | null> {
  const mend = await breakSources(root, mutant);
  try {
    const { isBuilt, exitCode, said } = await buildAndRun(root, commands[mutant.layer](mutant));
    if (!isBuilt) return `it does not compile: ${said.slice(0, 500)}`;
    if (exitCode === 0) return "it survives";
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
  for (const name of [
    ...["src", "machines", "demo", "bench", "test", "diagrams", "docs", ".ci"],
    "README.md",
  ]) {
    const filter = (path: string) => !path.endsWith("/bench/peers/node_modules");
    await cp(resolve(name), join(root, name), { recursive: true, filter });
  }
  for (const name of ["package.json", "tsconfig.json", "tsconfig.build.json", "vitest.config.ts"]) {
    await cp(resolve(name), join(root, name));
  }
  await symlink(resolve("node_modules"), join(root, "node_modules"));
  const chosen = mutants.filter(
    ({ name, layer }) =>
      (values.only === undefined || values.only.includes(name)) &&
      (values.layer === undefined || layer === values.layer),
  );
  await control(root, chosen);
  for (const mutant of chosen) {
    if (interrupted.signal.aborted) break;
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
