import { access, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "../../limits.ts";
import { manifestName } from "./manifest.ts";
import { readManifest } from "./verify-dump.ts";

/** Ends the name of a dump's folder until the dump is whole. */
export const partialEnding = ".partial";

/** Ids of the backups in a folder, in order: what has a manifest, be it damaged. */
export async function backupsIn(root: string): Promise<readonly string[]> {
  const names = await readdir(root);
  const found: string[] = [];
  for (const name of names.toSorted()) {
    const isThere = await access(join(root, name, manifestName)).then(
      () => true,
      // One that cannot be looked at is there, and damaged.
      ({ code }: NodeJS.ErrnoException) => code !== "ENOENT" && code !== "ENOTDIR",
    );
    if (isThere) found.push(name);
  }
  return found.slice(0, limits.backupsListedMax);
}

/** Deletes a backup. Its manifest goes last: half deleted, the folder is still known as one of ours. */
async function deleteBackup(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== manifestName) await rm(join(directory, name), { recursive: true, force: true });
  }
  await rm(directory, { recursive: true, force: true });
}

/** True for a folder of its own: what a link points at is never deleted. */
async function isPlainFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found?.isDirectory() === true;
}

/**
 * Deletes the oldest backups beyond those to keep, and what a dump whose process was killed left behind; never
 * one that is referred to or was taken by hand, nor a directory without our manifest, sealed and of its own
 * id. What is deleted is named by the folder's own listing alone: no name of a manifest becomes a path.
 * @returns the names of those that were deleted
 */
export async function sweepBackups(
  root: string,
  options: {
    keep: number;
    referenced: readonly string[];
    /** False for the name of one that somebody took by hand: it is theirs. */
    isOurs(name: string): boolean;
  },
): Promise<readonly string[]> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const isFree = (name: string) => options.isOurs(name) && !options.referenced.includes(name);
  const ours: { name: string; time: string }[] = [];
  for (const name of names.filter(options.isOurs)) {
    const directory = join(root, name);
    if (!(await isPlainFolder(directory))) continue;
    const manifest = await readManifest(directory).catch(() => undefined);
    if (manifest?.backupId === name) ours.push({ name, time: manifest.time });
  }
  const seconds = ({ time }: { time: string }) => Number(time.split(":")[0]);
  const old = ours
    .toSorted((left, right) => seconds(right) - seconds(left) || (left.name < right.name ? 1 : -1))
    .slice(options.keep)
    .filter(({ name }) => isFree(name));
  const isLeft = (name: string) =>
    name.endsWith(partialEnding) && isFree(name.slice(0, -partialEnding.length));
  const left = names.filter(isLeft);
  for (const name of left) await rm(join(root, name), { recursive: true, force: true });
  for (const { name } of old) await deleteBackup(join(root, name));
  return [...left, ...old.map(({ name }) => name)];
}
