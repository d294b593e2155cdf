// Aim: one process has a folder for itself, and leaves no lock behind however it ends. Method: real processes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { lockFolder } from "../../src/ports/folder-lock.ts";
import { exited, startProcess } from "../../src/ports/process.ts";

afterEach(() => vi.unstubAllEnvs());

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-lock-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("a locked folder is refused with the process that has it, and is free once that has let it go", async () => {
  const folder = await freshFolder();
  const lock = await lockFolder(folder);
  expect(lock.isHeld).toBe(true);
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: "directory-taken",
    details: { folder, pid: process.pid },
  });
  await lock.release();
  await (await lockFolder(folder)).release();
});

test("a process that was killed with -9 leaves no lock behind, and its children have none", async () => {
  const folder = await freshFolder();
  const script = `
    import { spawn } from "node:child_process";
    const { lockFolder } = await import(${JSON.stringify(resolve("dist/src/ports/folder-lock.js"))});
    await lockFolder(${JSON.stringify(folder)});
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    process.stdout.write(String(child.pid));
    setInterval(() => {}, 1000);`;
  const words = ["--input-type=module", "-e", script];
  const holder = startProcess(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const childPid = await new Promise<number>((found) => {
    holder.stdout?.once("data", (text) => found(Number(text)));
  });
  onTestFinished(() => void process.kill(childPid, "SIGKILL"));
  await expect(lockFolder(folder)).rejects.toMatchObject({ details: { pid: holder.pid } });
  holder.kill("SIGKILL");
  await exited(holder);
  await (await lockFolder(folder)).release();
});

test("without a program that locks, nothing is locked, and the caller knows it", async () => {
  const folder = await freshFolder();
  vi.stubEnv("PATH", folder);
  const lock = await lockFolder(folder);
  expect(lock.isHeld).toBe(false);
  await lock.release();
});
