// Aim: the mongod used is the first of the promised order, and each way to have none is told apart.
// Method: small programs that say a version stand in for mongod; nothing is fetched.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { findMongod } from "../../src/local/find-mongod.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lockstep-find-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

/** A program at `<root>/<folder>/<name>` that runs this shell line. */
async function program(folder: string, name: string, line: string): Promise<string> {
  const path = join(root, folder, name);
  await mkdir(join(root, folder), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${line}\n`);
  await chmod(path, 0o755);
  return path;
}
const says = (version: string) => `echo "db version v${version}"`;
const find = (environment: Record<string, string>, explicit?: string) =>
  findMongod({ environment, explicit, cacheDirectory: join(root, "cache"), fetch: false });

test("explicit before LOCKSTEP_MONGOD before PATH before the cache; the source is said", async () => {
  const cached = await program("cache", "mongod-wheel-0.4.0", says("6.0.1"));
  expect(await find({ PATH: join(root, "none") })).toEqual({
    path: cached,
    version: "6.0.1",
    source: "cache",
  });
  const onPath = await program("bin", "mongod", says("6.0.2"));
  const environment = { PATH: `${join(root, "none")}:${join(root, "bin")}` };
  expect(await find(environment)).toEqual({ path: onPath, version: "6.0.2", source: "PATH" });
  const named = await program("named", "mongod", says("6.0.3"));
  const both = { ...environment, LOCKSTEP_MONGOD: named };
  expect(await find(both)).toEqual({ path: named, version: "6.0.3", source: "explicit" });
  const explicit = await program("explicit", "mongod", says("6.0.4"));
  expect(await find(both, explicit)).toMatchObject({ path: explicit, source: "explicit" });
  const said: string[] = [];
  await findMongod({ environment, say: (text) => said.push(text), fetch: false });
  expect(said).toEqual([`mongod 6.0.2 (PATH: ${onPath})`]);
});

test("one that is named but not there is not replaced by another", async () => {
  await program("bin", "mongod", says("6.0.2"));
  const environment = { PATH: join(root, "bin"), LOCKSTEP_MONGOD: join(root, "gone") };
  await expect(find(environment)).rejects.toMatchObject({ code: "mongod-not-found" });
});

test("one that is there but does not run is told with its own words", async () => {
  await program(
    "bin",
    "mongod",
    'echo "libcurl.so.4: cannot open shared object file" >&2; exit 127',
  );
  await expect(find({ PATH: join(root, "bin") })).rejects.toMatchObject({
    code: "mongod-does-not-run",
    message: expect.stringMatching(/libcurl\.so\.4.*apt-get install/),
  });
});

test("none at all: what was tried, and what to do", async () => {
  await expect(find({ PATH: join(root, "none") })).rejects.toMatchObject({
    code: "mongod-not-found",
    message: expect.stringMatching(/LOCKSTEP_MONGOD.*PATH.*cache.*Install MongoDB/s),
  });
});
