// Aim: a process that has ended is not taken for one that lives, also while it waits as a zombie. Method: a real child whose
// parent, a shell, was stopped before the child ended.
import { readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { identityOf, startProcess } from "../../src/ports/process.ts";
import { until } from "../support/until.ts";

test("a zombie is no process any more", async () => {
  const shell = startProcess("/bin/sh", ["-c", "sleep 600 & echo $!; wait"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void shell.kill("SIGKILL"));
  const pid = await new Promise<number>((resolve) => {
    shell.stdout?.once("data", (text: Buffer) => resolve(Number(String(text))));
  });
  const before = await identityOf(pid);
  expect(before?.pid).toBe(pid);
  shell.kill("SIGSTOP");
  process.kill(pid, "SIGKILL");
  await until("a zombie", async () => / Z /.test(await readFile(`/proc/${pid}/stat`, "utf8")));
  expect(await identityOf(pid)).toBeUndefined();
});
