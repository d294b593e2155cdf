// Aim: a program between the launcher and its agent keeps the agent neither alive nor from its drain: a shell does not pass
// a SIGTERM on, and tsx keeps the channel open when the launcher is killed. Method: real launchers and agents on a real
// set, behind a shell, and behind a program that passes messages on as tsx does, and no signal, as tsx while its child is busy.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { signalProcess, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

const agent = `
import { appendFileSync } from "node:fs";
import { createAgent } from ${JSON.stringify(resolve("dist/src/index.js"))};
const say = (...words) => appendFileSync("said", words.join(" ") + "\\n");
const agent = createAgent({
  ...{ agent: "a1", version: "1.0.0", steps: [], initialize: true },
  gate: { onOpen: () => say("open", process.pid, process.ppid), onShut: () => say("drained", process.pid) },
});
process.once("SIGTERM", () => agent.stop().finally(() => process.exit(0)));
await agent.start();
`;
const relay = `
import { spawn } from "node:child_process";
const child = spawn(process.execPath, ["main.mjs"], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
child.on("message", (message) => process.send(message));
process.on("message", (message) => child.send(message));
process.on("SIGTERM", () => child.kill("SIGKILL"));
child.on("close", (code) => process.exit(code));
`;

/** A launcher whose agent is started by this command. */
async function launched(...command: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-between-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const versions = { default: "1.0.0", versions: { "1.0.0": { command } } };
  await writeFile(join(folder, "versions.json"), JSON.stringify(versions));
  await writeFile(join(folder, "main.mjs"), agent);
  await writeFile(join(folder, "relay.mjs"), relay);
  const program = resolve("dist/src/launcher/main.js");
  const words = [program, "--data-directory", "data", "--versions", "versions.json"];
  const launcher = startProcess(process.execPath, words, {
    ...{ cwd: folder, stdio: "ignore" },
    env: { ...process.env, LOCKSTEP_MONGO_URL: urlOf(freshDatabaseName()) },
  });
  const said = async (word: string) =>
    (await readFile(join(folder, "said"), "utf8").catch(() => ""))
      .split("\n")
      .filter((line) => line.startsWith(word))
      .map((line) => line.split(" ").slice(1).map(Number));
  const opened = async (times: number) => {
    await until(`${times} openings`, async () => (await said("open")).length >= times, 60_000);
    const [pid = 0, parent = 0] = (await said("open"))[times - 1] ?? [];
    // A failing test leaves no process behind.
    onTestFinished(() => void signalProcess(pid, "SIGKILL"));
    return { pid, parent };
  };
  onTestFinished(() => void launcher.kill("SIGKILL"));
  const gone = (pid: number) =>
    until(`the end of ${pid}`, () => Promise.resolve(!signalProcess(pid, 0)), 30_000);
  return { launcher, said, opened, gone };
}

const shell = ["sh", "-c", 'node main.mjs; code=$?; exit "$code"'];

test.each([
  ["a shell", shell],
  ["a program that passes messages on", ["node", "relay.mjs"]],
])("a SIGTERM reaches the agent behind %s, which drains", async (_name, command) => {
  const { launcher, said, opened, gone } = await launched(...command);
  const { pid, parent } = await opened(1);
  expect(parent).not.toBe(launcher.pid);
  launcher.kill("SIGTERM");
  await until("the end of the launcher", () => launcher.exitCode !== null, 30_000);
  expect(launcher.exitCode).toBe(0);
  expect(await said("drained")).toEqual([[pid]]);
  await gone(pid);
});

test.each([
  ["a shell", shell],
  ["a program that passes messages on", ["node", "relay.mjs"]],
])("an agent behind %s leaves when its launcher is killed", async (_name, command) => {
  const { launcher, said, opened, gone } = await launched(...command);
  const { pid } = await opened(1);
  launcher.kill("SIGKILL");
  await gone(pid);
  expect(await said("drained")).toEqual([[pid]]);
});

test("an agent whose shell is killed leaves, and the launcher starts the next one", async () => {
  const { said, opened, gone } = await launched(...shell);
  const first = await opened(1);
  signalProcess(first.parent, "SIGKILL");
  await gone(first.pid);
  expect(await said("drained")).toEqual([[first.pid]]);
  expect((await opened(2)).pid).not.toBe(first.pid);
});
