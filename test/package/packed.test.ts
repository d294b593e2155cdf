// Aim: the package works for somebody who installs it: from CommonJS and ESM, with the compilers that people have, and
// as its documents show. Method: the package is packed and installed into an empty folder, with the oldest driver of
// major version 7 and the oldest XState; each sample of the documents is compiled there, and the README's own example runs.
import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { assert } from "../../src/errors.ts";
import { freePort } from "../../src/local/mongod-process.ts";
import { exited, runCommand, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { type Installed, installPacked, ranIn } from "../support/packed.ts";
import { until } from "../support/until.ts";
import { completedSamplesOf, samplesOf } from "./samples.ts";

let installed: Installed;
let folder: string;
beforeAll(async () => {
  installed = await installPacked(
    ...["mongodb@7.0.0", "xstate@5.31.0", "typescript@5.9.3", "@types/node@20.19.43"],
    `typescript-7@file:${resolve("node_modules/typescript")}`,
  );
  folder = installed.folder;
});
afterAll(() => installed?.remove());

describe("the tarball", () => {
  const inside = (...path: string[]) => join(folder, "node_modules/lockstep", ...path);

  test("has no script that runs where it is installed", async () => {
    const { scripts } = JSON.parse(await readFile(inside("package.json"), "utf8"));
    const atInstallation = ["preinstall", "install", "postinstall", "prepare", "prepublish"];
    expect(Object.keys(scripts).filter((name) => atInstallation.includes(name))).toEqual([]);
  });

  test("has each file that its documents link to", async () => {
    const all = await readdir(inside(), { recursive: true });
    const pages = all.filter((name) => name.endsWith(".md") && !name.startsWith("node_modules"));
    expect(pages).toContain("README.md");
    const dead: string[] = [];
    for (const page of pages) {
      const text = await readFile(inside(page), "utf8");
      for (const [, link = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
        const isThere = await access(inside(dirname(page), link)).then(
          () => true,
          () => false,
        );
        if (!isThere) dead.push(`${page}: ${link}`);
      }
    }
    expect(dead).toEqual([]);
  });
});

const agentSource = `
const steps: readonly Step[] = defineSteps([]);
const agent = createAgent({ agent: "a1", version: "1.0.0", steps, mongoUrl: process.env.MONGO_URL });
agent.on("becameMaster", ({ epoch }) => void epoch.toFixed());
const error: LockstepError = new LockstepError("timeout", "late");
if (isLockstepError(error)) void error.code;
// @ts-expect-error: the types are there, so a wrong one is noticed
createAgent({ agent: 1 });
`;
const imported = `import { createAgent, defineSteps, isLockstepError, LockstepError, type Step } from "lockstep";`;
const allValues = `
import lockstep = require("lockstep");
const all: typeof import("lockstep", { with: { "resolution-mode": "import" } }) = lockstep;
void all;
`;

const engineSource = `
const machine = setup({ types: {} as { events: { type: "GO" }; input: { n: number } } }).createMachine({
  initial: "a",
  states: { a: { on: { GO: "b" } }, b: { type: "final" } },
});
const durableMachine = durable(machine, { name: "m", version: "1.0.0" });
export async function act(engine: Engine): Promise<Sent> {
  await engine.start(durableMachine, { id: "x", input: { n: 1 } });
  // @ts-expect-error: the types are there, so a wrong one is noticed
  await engine.send(durableMachine, "x", { type: "STOP" });
  return await engine.send(durableMachine, "x", { type: "GO" });
}
void createEngine;
`;
const testingValues = `
import testing = require("lockstep/testing");
const kit: typeof import("lockstep/testing", { with: { "resolution-mode": "import" } }) = testing;
void kit.crashAnywhere;
`;
const engineImported = `import { createEngine, durable, type Engine, type Sent } from "lockstep/engine";
import { setup } from "xstate";`;
const engineValues = `
import engine = require("lockstep/engine");
const allOfIt: typeof import("lockstep/engine", { with: { "resolution-mode": "import" } }) = engine;
void allOfIt;
`;

describe("the types", () => {
  const strict = ["--noEmit", "--strict", "--target", "es2022", "--types", "node"];
  /** Compiles files of the folder. The newer compiler checks the declarations too: the older takes minutes for that. */
  const compile = (compiler: "typescript" | "typescript-7", ...given: string[]) => {
    const program = join(folder, "node_modules", compiler, "bin/tsc");
    const check = ["--skipLibCheck", String(compiler === "typescript")];
    return ranIn(folder, process.execPath, program, ...strict, ...check, ...given);
  };
  const compilers = ["typescript", "typescript-7"] as const;

  beforeAll(async () => {
    await writeFile(join(folder, "agent.mts"), imported + agentSource);
    await writeFile(join(folder, "agent.cts"), imported + allValues + agentSource);
    await writeFile(join(folder, "agent.ts"), imported + agentSource);
    await writeFile(join(folder, "engine.mts"), engineImported + engineSource);
    await writeFile(
      join(folder, "engine.cts"),
      engineImported + engineValues + testingValues + engineSource,
    );
    await writeFile(join(folder, "engine.ts"), engineImported + engineSource);
  });

  test("the compilers are of the major versions 5 and 7", async () => {
    expect(await compile("typescript", "--version")).toContain("Version 5.");
    expect(await compile("typescript-7", "--version")).toContain("Version 7.");
  });

  test.each(compilers)("%s: node16, from ESM and from CommonJS", async (compiler) => {
    const files = ["agent.mts", "agent.cts", "engine.mts", "engine.cts"];
    await compile(compiler, "--module", "node16", ...files);
  });

  test("typescript: node10", async () => {
    const node10 = ["--module", "commonjs", "--moduleResolution", "node10"];
    await compile("typescript", ...node10, "agent.ts", "engine.ts");
  });

  test("typescript: node10 without esModuleInterop, the declarations checked", async () => {
    const node10 = ["--module", "commonjs", "--moduleResolution", "node10"];
    const strictly = ["--esModuleInterop", "false", "--skipLibCheck", "false"];
    await compile("typescript", ...node10, ...strictly, "agent.ts");
  });

  test("typescript-7: a bundler", async () => {
    await compile("typescript-7", "--module", "preserve", "agent.ts", "engine.ts");
  });

  test.each(compilers)("%s: each sample, under strict", async (compiler) => {
    const sources = new Map<string, string>();
    for (const page of ["README.md", "docs/guide.md", "docs/migration-steps.md"]) {
      for (const sample of await samplesOf(page)) {
        if (!sample.includes('from "lockstep"')) continue;
        const kind = sample.includes("createAgent({") ? "main" : "steps";
        let number = 0;
        while (sources.has(`releases/1.${number}.0/${kind}.mts`)) number += 1;
        sources.set(`releases/1.${number}.0/${kind}.mts`, sample);
      }
    }
    for (const path of await readdir("examples/shop", { recursive: true })) {
      if (!path.endsWith(".js")) continue;
      const text = await readFile(join("examples/shop", path), "utf8");
      sources.set(join("shop", path.replace(/js$/, "mts")), text);
    }
    for (const page of ["README.md", "docs/engine.md"]) {
      const samples = (await samplesOf(page)).filter((sample) => sample.includes("lockstep/"));
      expect(samples.length).toBeGreaterThan(0);
      for (const [index, sample] of samples.entries()) {
        sources.set(`engine/${page.replace(/\W/g, "-")}-${index}.mts`, sample);
      }
    }
    for (const page of ["docs/migration-steps.md", "docs/agents.md", "docs/dashboard.md"]) {
      const samples = await completedSamplesOf(page);
      expect(samples.length).toBeGreaterThan(0);
      for (const [index, sample] of samples.entries()) {
        sources.set(`completed/${page.replace(/\W/g, "-")}-${index}.mts`, sample);
      }
    }
    for (const [index, sample] of (await samplesOf("examples/engine/README.md")).entries()) {
      sources.set(
        `engine/readme-${index}.mts`,
        sample.replace("/subscription.ts", "/subscription.mjs"),
      );
    }
    for (const name of await readdir("examples/engine")) {
      if (!name.endsWith(".ts")) continue;
      const text = await readFile(join("examples/engine", name), "utf8");
      sources.set(join("engine", name.replace(/ts$/, "mts")), text);
    }
    expect(sources.size).toBeGreaterThan(35);
    for (const [path, text] of sources) {
      await mkdir(join(folder, dirname(path)), { recursive: true });
      await writeFile(join(folder, path), text.replaceAll("/steps.js", "/steps.mjs"));
    }
    await compile(compiler, "--module", "node16", ...sources.keys());
  });
});

describe("the module", () => {
  test("CommonJS and ESM get the same one, without a warning", async () => {
    const script = `
      const lockstep = require("lockstep");
      const engine = require("lockstep/engine");
      const testing = require("lockstep/testing");
      const names = ["lockstep", "lockstep/engine", "lockstep/testing"];
      Promise.all(names.map((name) => import(name))).then(([one, two, three]) =>
        process.stdout.write(String(one === lockstep && two === engine && three === testing)));`;
    await writeFile(join(folder, "required.cjs"), script);
    const ran = await runCommand(process.execPath, ["required.cjs"], {
      timeoutMs: 60_000,
      cwd: folder,
    });
    expect(ran).toEqual({ exitCode: 0, stdout: "true", stderr: "" });
  });
});

describe("the README's example", () => {
  const start = async ({ isLaunched }: { isLaunched: boolean }) => {
    const [example = ""] = await samplesOf("README.md");
    expect(example).toContain("createAgent");
    const port = await freePort();
    const home = join(folder, `home-${port}`);
    await mkdir(home);
    await writeFile(join(home, "example.js"), example);
    const launched = {
      LOCKSTEP_DATA_DIRECTORY: join(home, "a1"),
      LOCKSTEP_VERSION: "1.0.0",
      LOCKSTEP_STARTABLE_VERSIONS: '["1.0.0"]',
    };
    const env = {
      ...process.env,
      ...(isLaunched ? launched : {}),
      ...{ MONGO_URL: urlOf(freshDatabaseName()), PORT: String(port) },
    };
    const child = startProcess(process.execPath, ["example.js"], {
      cwd: home,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env,
    });
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await exited(child);
    });
    const answer = () => fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    const text = await until("the example's answer", async () => (await answer())?.text());
    expect(text).toBe("the catalogue, 1.0.0");
    const again = async () => {
      const other = startProcess(process.execPath, ["example.js"], {
        cwd: home,
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        env,
      });
      assert(other.stderr, "the words of the other process can be read");
      return { words: await textOf(other.stderr), ...(await exited(other)) };
    };
    return { child, again };
  };

  test.each(["SIGTERM", "SIGINT"] as const)("serves, and ends in good order on %s", async (by) => {
    const { child } = await start({ isLaunched: false });
    child.kill(by);
    expect(await exited(child)).toEqual({ code: 0, signal: null });
  });

  test("says in one line that its data directory is taken, and exits with 1", async () => {
    const { again } = await start({ isLaunched: false });
    const { words, code } = await again();
    expect(code).toBe(1);
    expect(words).toMatch(/^directory-taken: expected a data directory of its own, [^\n]*\n$/);
  });

  test("ends with its launcher", async () => {
    const { child } = await start({ isLaunched: true });
    child.disconnect();
    expect(await exited(child)).toEqual({ code: 0, signal: null });
  });
});
