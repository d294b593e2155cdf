// Aim: whatever is interrupted leaves no process and no folder behind. Method: the story and the tests
// themselves as processes with a temporary folder of their own; Ctrl-C, and kill -9, when mongods and
// state servers run.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exited, signalProcess, startProcess } from "../../src/ports/process.ts";
import { processesWith } from "../support/processes.ts";
import { until } from "../support/until.ts";

async function start(words: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-interrupted-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const child = startProcess(process.execPath, [...words], {
    stdio: "ignore",
    env: { ...process.env, TMPDIR: folder },
  });
  return { folder, child, pid: child.pid ?? 0 };
}

const story = [resolve("dist/demo/main.js")];
const running = (folder: string, what: string, count: number) =>
  until(
    `${count} of ${what}`,
    async () => {
      const lines = await processesWith(folder);
      return lines.filter((line) => line.includes(what)).length >= count;
    },
    60_000,
  );
const nothingLeft = (folder: string) =>
  until("nothing left", async () => {
    const [lines, files] = [await processesWith(folder), await readdir(folder)];
    // The test runner keeps files of its own there, which are none of ours.
    return lines.length === 0 && !files.some((name) => name.startsWith("lockstep-"));
  });

test("Ctrl-C of the story, its state servers up: exit 130", async () => {
  const { folder, child, pid } = await start(story);
  await running(folder, "launcher/main.js", 3);
  signalProcess(pid, "SIGINT");
  expect((await exited(child)).code).toBe(130);
  await nothingLeft(folder);
});

test("kill -9 of the story", async () => {
  const { folder, child, pid } = await start(story);
  await running(folder, "launcher/main.js", 3);
  signalProcess(pid, "SIGKILL");
  await exited(child);
  await nothingLeft(folder);
});

test.each(["SIGINT", "SIGKILL"] as const)("%s of the tests", async (signal) => {
  const { folder, child, pid } = await start([
    resolve("node_modules/vitest/vitest.mjs"),
    ...["run", "test/journal/memory-store.test.ts"],
  ]);
  await running(folder, "--replSet", 3);
  signalProcess(pid, signal);
  await exited(child);
  await nothingLeft(folder);
});
