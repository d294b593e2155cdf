import { access, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "../../limits.ts";
import { readManifest } from "./dump/verify-dump.ts";
import { manifestName } from "./manifest.ts";

/** The ending of a dump's folder until the dump is complete. */
export const partialEnding = ".partial";

/** Ids of the backups in a folder, in order. A backup has a manifest, which may be damaged. */
export async function backupsIn(root: string): Promise<readonly string[]> {
  const names = await readdir(root);
  const found: string[] = [];
  for (const name of names.toSorted()) {
    const isThere = await access(join(root, name, manifestName)).then(
      () => true,
      // A manifest that cannot be read exists, and counts as damaged.
      ({ code }: NodeJS.ErrnoException) => code !== "ENOENT" && code !== "ENOTDIR",
    );
    if (isThere) found.push(name);
  }
  return found.slice(0, limits.backupsListedMax);
}

/** Deletes a backup. Its manifest goes last, so that the remains are still known as ours. */
async function deleteBackup(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== manifestName) await rm(join(directory, name), { recursive: true, force: true });
  }
  await rm(directory, { recursive: true, force: true });
}

/** True for a plain folder. The target of a link is never deleted. */
async function isPlainFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found?.isDirectory() === true;
}

/**
 * Deletes the oldest backups beyond those to keep, and the remains of dumps whose process was killed. It never
 * deletes a backup that is referred to or was taken by hand, nor a folder without our sealed manifest of the same id.
 * Only the folder's own listing names what is deleted: no name in a manifest becomes a path.
 * @returns the names of the deleted folders
 */
export async function sweepBackups(
  root: string,
  options: {
    keep: number;
    referenced: readonly string[];
    /** False for the name of a backup that somebody took by hand. */
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
