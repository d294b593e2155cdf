// Aim: a file is written whole or not at all, keeps whose it was, and trouble names it. Method: real files;
// /dev/full is a disk that is full.
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { asFileTrouble, readJsonFile, writeFileAtomic } from "../../src/ports/files.ts";

async function folder() {
  const root = await mkdtemp(join(tmpdir(), "lockstep-files-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

test("a file that cannot be written whole is told by its name, and leaves what was there", async () => {
  const root = await folder();
  const path = join(root, "journal.json");
  await writeFile(path, "before");
  // What is written first goes to a disk that is full.
  await symlink("/dev/full", `${path}.partial`);
  await expect(writeFileAtomic(path, "after")).rejects.toMatchObject({
    code: "disk-full",
    details: { path, errno: "ENOSPC" },
  });
  expect(await readdir(root)).toEqual(["journal.json"]);
  expect(await readFile(path, "utf8")).toBe("before");
});

test("a folder in the way is trouble, but no full disk", async () => {
  const path = join(await folder(), "taken");
  await mkdir(join(path, "inside"), { recursive: true });
  await expect(writeFileAtomic(path, "x")).rejects.toMatchObject({ code: "file-trouble" });
});

test("like another file: as closed as that one", async () => {
  const root = await folder();
  const [secret, copy] = [join(root, "secret"), join(root, "copy")];
  await writeFile(secret, "x");
  await chmod(secret, 0o600);
  await writeFileAtomic(copy, "x", await stat(secret));
  expect((await stat(copy)).mode & 0o777).toBe(0o600);
});

test("a JSON file: its value, undefined where there is none, its name where it is none", async () => {
  const path = join(await folder(), "steps-version.json");
  expect(await readJsonFile(path)).toBeUndefined();
  await writeFile(path, '{"version":"1.0.0"}');
  expect(await readJsonFile(path)).toEqual({ version: "1.0.0" });
  await writeFile(path, '{"version":');
  await expect(readJsonFile(path)).rejects.toMatchObject({
    code: "file-trouble",
    message: expect.stringContaining(path),
  });
});

test("what is no trouble with a file stays as it is", () => {
  const error = new Error("a bug");
  expect(asFileTrouble("/x", error)).toBe(error);
});
