// Aim: a stale diagram and an edge that nobody takes are noticed. Method: the compiled command in a
// folder of its own.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";

/** The compiled command on a copy of what is committed. */
async function folderOfItsOwn() {
  const root = await mkdtemp(join(tmpdir(), "lockstep-diagrams-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await cp("diagrams", join(root, "diagrams"), { recursive: true });
  await cp("docs", join(root, "docs"), { recursive: true });
  await symlink(resolve("node_modules"), join(root, "node_modules"));
  const run = async (...words: string[]) =>
    runCommand(process.execPath, [resolve("dist/src/diagram/main.js"), ...words], {
      timeoutMs: 30_000,
      cwd: root,
    });
  return { root, run };
}

test("--check is content with fresh diagrams, fails on a stale one and names it; a run mends it", async () => {
  const { root, run } = await folderOfItsOwn();
  expect((await run("--check"))?.exitCode).toBe(0);
  const path = join(root, "diagrams", "upgrade.mmd");
  const fresh = await readFile(path, "utf8");
  await writeFile(path, fresh.replace("abortRequested", "abort"));
  const stale = await run("--check");
  expect([stale?.exitCode, stale?.stderr]).toEqual([
    1,
    "stale: diagrams/upgrade.mmd: run `npm run diagrams`\n",
  ]);
  expect((await run())?.exitCode).toBe(0);
  expect(await readFile(path, "utf8")).toBe(fresh);
});

test("--check fails on an edge that nothing takes, though every picture is fresh", async () => {
  const { root, run } = await folderOfItsOwn();
  const path = join(root, "diagrams", "counts", "model.json");
  const edge = "waiting gateShut -> waiting";
  const counted = await readFile(path, "utf8");
  await writeFile(path, counted.replace(`"${edge}"`, '"waiting gateShut -> gone"'));
  for (const source of ["exploration", "simulation"]) {
    await rm(join(root, "diagrams", "counts", `${source}.json`), { force: true });
  }
  expect((await run())?.exitCode).toBe(0);
  const checked = await run("--check");
  expect([checked?.exitCode, checked?.stderr]).toEqual([
    1,
    `taken by none: participant: ${edge}\nno such edge: participant: waiting gateShut -> gone (model)\n`,
  ]);
});
