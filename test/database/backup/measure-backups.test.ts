// Aim: the bytes of the copies on a disk are those of their files. Method: folders with known files.
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { manifestName } from "../../../src/database/backup/manifest.ts";
import { measureBackups } from "../../../src/database/backup/measure-backups.ts";

test("counts plain files of the named backups, and takes the time of the newest manifest", async () => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-measure-"));
  onTestFinished(() => rm(root, { recursive: true }));
  expect(await measureBackups(root, [])).toEqual({ held: 0, bytes: 0, newestAt: null });
  for (const [name, seconds] of [
    ["u000002", 2_000],
    ["u000001", 1_000],
    ["u000003.partial", 3_000],
  ] as const) {
    await mkdir(join(root, name, "things"), { recursive: true });
    await writeFile(join(root, name, "things", "a.bson"), "x".repeat(100));
    await writeFile(join(root, name, manifestName), "m".repeat(7));
    await symlink("/etc/hosts", join(root, name, "link"));
    await utimes(join(root, name, manifestName), seconds, seconds);
  }
  const held = ["u000001", "u000002"];
  expect(await measureBackups(root, held)).toEqual({ held: 2, bytes: 214, newestAt: 2_000_000 });
});
