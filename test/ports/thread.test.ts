// Aim: a thread that hangs or fills its memory ends alone, and the process goes on. Method: real threads of small modules.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startThread } from "../../src/ports/thread.ts";

async function threadOf(source: string) {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-thread-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "thread.mjs");
  const head = 'import { parentPort, workerData } from "node:worker_threads";\n';
  await writeFile(path, head + source);
  const options = { data: { name: "t" }, megabytesMax: 32 };
  const thread = startThread<string, string>(pathToFileURL(path), options);
  onTestFinished(() => thread.end());
  return thread;
}

/** The first message of a thread. */
const heard = (thread: Awaited<ReturnType<typeof threadOf>>) =>
  new Promise<string>((resolve) => thread.onMessage(resolve));

test("a thread gets its data, answers, and ends by itself", async () => {
  const thread = await threadOf(
    'parentPort.once("message", (said) => parentPort.postMessage(workerData.name + said));',
  );
  const answer = heard(thread);
  thread.send("!");
  expect(await answer).toBe("t!");
  expect(await thread.ended).toBeNull();
});

test("a thread that hangs does not keep this one from its work, and can be ended", async () => {
  const thread = await threadOf('parentPort.postMessage("hangs"); for (;;) {}');
  expect(await heard(thread)).toBe("hangs");
  await thread.end();
  expect(await thread.ended).toBeNull();
});

test("a thread that throws, or fills its memory, ends alone and says why", async () => {
  const failing = await threadOf('throw new Error("out of order");');
  expect(await failing.ended).toBe("out of order");
  const hungry = await threadOf("const all = []; for (;;) all.push(new Array(1_000).fill(7.5));");
  expect(await hungry.ended).toContain("memory");
});
