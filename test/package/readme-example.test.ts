// Aim: what the README shows works for somebody who installs the package. Method: the package is
// packed and installed into an empty folder, and the README's own example runs there.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../src/local/mongod-process.ts";
import { exited, runCommand, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

test("the README's example, from the packed package", { timeout: 240_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-package-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const packed = await runCommand(
    "npm",
    ["pack", "--ignore-scripts", "--json", "--pack-destination", folder],
    { timeoutMs: 60_000, cwd: resolve(".") },
  );
  expect(packed?.exitCode, packed?.stderr).toBe(0);
  const answer = JSON.parse(packed?.stdout ?? "") as
    | readonly { filename: string }[]
    | Record<string, { filename: string }>;
  const [archive] = Object.values(answer);
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const installed = await runCommand(
    "npm",
    ["install", "--prefer-offline", join(folder, archive?.filename ?? "")],
    { timeoutMs: 180_000, cwd: folder },
  );
  expect(installed?.exitCode, installed?.stderr).toBe(0);

  const readme = await readFile("README.md", "utf8");
  const [, example = ""] = /```js\n(import [\s\S]*?)```/.exec(readme) ?? [];
  expect(example).toContain("createAgent");
  await writeFile(join(folder, "example.js"), example);
  const port = await freePort();
  const child = startProcess(process.execPath, ["example.js"], {
    cwd: folder,
    stdio: "ignore",
    env: { ...process.env, LOCKSTEP_MONGO_URL: urlOf(freshDatabaseName()), PORT: String(port) },
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited(child);
  });
  const text = await until("the example's answer", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    return response?.text();
  });
  expect(text).toBe("the catalogue, 1.0.0");
});
