// Aim: an agent that its launcher cannot hear says so at once. Without that the launcher gives the version up after a
// minute, and starts another one beside it. Method: real processes, as people start them.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { assert } from "../../src/errors.ts";
import { exited, startProcess } from "../../src/ports/process.ts";

const agent = `
import { createAgent } from ${JSON.stringify(resolve("dist/src/index.js"))};
const agent = createAgent({ agent: "a1", version: "1.0.0", steps: [], mongoUrl: "mongodb://127.0.0.1:1/app" });
await agent.start().catch(({ code, message }) => console.log(code + ": " + message));
process.exit();
`;
const inThread = `
import { Worker } from "node:worker_threads";
new Worker(new URL("./main.mjs", import.meta.url));
`;
const inCluster = `
import cluster from "node:cluster";
cluster.setupPrimary({ exec: new URL("./main.mjs", import.meta.url).pathname });
cluster.fork();
cluster.on("exit", () => process.exit());
`;

/** The words of a program under a launcher, as its versions file may start it. */
async function wordsOf(...command: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-hearing-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const sources = { "main.mjs": agent, "thread.mjs": inThread, "cluster.mjs": inCluster };
  for (const [name, source] of Object.entries(sources)) await writeFile(join(folder, name), source);
  const manifest = { scripts: { start: `"${process.execPath}" main.mjs` } };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  const child = startProcess(command[0] ?? "", command.slice(1), {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore", "ipc"],
    env: {
      ...process.env,
      LOCKSTEP_DATA_DIRECTORY: folder,
      LOCKSTEP_VERSION: "1.0.0",
      LOCKSTEP_STARTABLE_VERSIONS: '["1.0.0"]',
    },
  });
  assert(child.stdout, "the words of the process can be read");
  const [words] = await Promise.all([textOf(child.stdout), exited(child)]);
  return words;
}

test("npm passes no channel on", async () => {
  expect(await wordsOf("npm", "--silent", "start")).toMatch(
    /^bad-argument: expected a channel to the launcher of this process, found none: let the versions file start node itself/m,
  );
});

test("a thread has no channel", async () => {
  expect(await wordsOf(process.execPath, "thread.mjs")).toMatch(
    /^bad-argument: expected an agent in the process that its launcher has started, found a worker thread: /m,
  );
});

test("the channel of a worker of a cluster leads to its primary", async () => {
  expect(await wordsOf(process.execPath, "cluster.mjs")).toMatch(
    /^bad-argument: .* found a worker of node:cluster: call createAgent in the primary/m,
  );
});
