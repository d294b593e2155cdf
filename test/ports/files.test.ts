// Aim: a file is written whole or not at all, keeps whose it was, and trouble names it. Method: real files;
// /dev/full is a disk that is full.
import {
  chmod,
  lstat,
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
import {
  asFileTrouble,
  createPrivateFolder,
  openPrivateFile,
  readJsonFile,
  writeFileAtomic,
  writeNamedFile,
} from "../../src/ports/files.ts";

async function folder() {
  const root = await mkdtemp(join(tmpdir(), "lockstep-files-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

test("a file that cannot be written is told by its name, and leaves what was there", async () => {
  const root = await folder();
  // The file that is written first has a longer name, which no disk takes.
  const path = join(root, "j".repeat(250));
  await writeFile(path, "before");
  await expect(writeFileAtomic(path, "after")).rejects.toMatchObject({
    code: "file-trouble",
    details: { path, errno: "ENAMETOOLONG" },
  });
  expect(await readdir(root)).toHaveLength(1);
  expect(await readFile(path, "utf8")).toBe("before");
});

test("an output goes through a link, a device or a pipe, and leaves it as it is", async () => {
  const root = await folder();
  const [path, link, full] = ["plan.json", "latest.json", "full"].map((name) => join(root, name));
  await writeFile(path ?? "", "before");
  await symlink(path ?? "", link ?? "");
  await symlink("/dev/full", full ?? "");
  await writeNamedFile(link ?? "", "after");
  expect(await readFile(path ?? "", "utf8")).toBe("after");
  await expect(writeNamedFile(full ?? "", "after")).rejects.toMatchObject({ code: "disk-full" });
  for (const each of [link, full]) expect((await lstat(each ?? "")).isSymbolicLink()).toBe(true);
  await writeNamedFile(path ?? "", "again");
  expect((await stat(path ?? "")).mode & 0o777).toBe(0o600);
});

test("a full disk is told by the file's name", async () => {
  const error = await writeFile("/dev/full", "x").catch((thrown: unknown) => thrown);
  expect(asFileTrouble("journal.json", error)).toMatchObject({
    code: "disk-full",
    details: { path: "journal.json", errno: "ENOSPC" },
  });
});

test("what lies where a file is written first is removed: a link leads nowhere", async () => {
  const root = await folder();
  const [path, theirs] = [join(root, "journal.json"), join(root, "theirs")];
  await writeFile(theirs, "precious");
  await symlink(theirs, `${path}.partial`);
  await writeFileAtomic(path, "ours");
  expect(await readFile(theirs, "utf8")).toBe("precious");
  expect(await readFile(path, "utf8")).toBe("ours");
  expect((await readdir(root)).toSorted()).toEqual(["journal.json", "theirs"]);
});

test("a folder in the way is trouble, but no full disk", async () => {
  const path = join(await folder(), "taken");
  await mkdir(join(path, "inside"), { recursive: true });
  await expect(writeFileAtomic(path, "x")).rejects.toMatchObject({ code: "file-trouble" });
});

test.each([0o000, 0o022, 0o777])(
  "with umask %i: files and folders are for this user alone",
  async (umask) => {
    const root = await folder();
    const before = process.umask(umask);
    onTestFinished(() => void process.umask(before));
    const path = join(root, "backups", "u000001", "manifest.json");
    await writeFileAtomic(path, "x");
    await writeFileAtomic(path, "y");
    const handle = await openPrivateFile(join(root, "backups", "u000001", "items.bson"));
    await handle.close();
    const modeOf = async (...parts: string[]) => (await stat(join(root, ...parts))).mode & 0o777;
    expect(await modeOf("backups")).toBe(0o700);
    expect(await modeOf("backups", "u000001")).toBe(0o700);
    expect(await modeOf("backups", "u000001", "manifest.json")).toBe(0o600);
    expect(await modeOf("backups", "u000001", "items.bson")).toBe(0o600);
  },
);

test("a folder that is there keeps its mode, and a file that was open to others is closed", async () => {
  const root = await folder();
  await chmod(root, 0o750);
  await createPrivateFolder(root);
  expect((await stat(root)).mode & 0o777).toBe(0o750);
  const path = join(root, "open");
  await writeFile(path, "x", { mode: 0o644 });
  await (await openPrivateFile(path)).close();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(createPrivateFolder(path)).rejects.toMatchObject({ code: "EEXIST" });
});

test("a parent that is there and takes no folder: refused by name", async () => {
  await expect(createPrivateFolder("/proc/lockstep/data")).rejects.toMatchObject({
    code: "file-trouble",
    details: { path: "/proc/lockstep", errno: "ENOENT" },
  });
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
