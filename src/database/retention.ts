import { access, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { limits } from "../limits.ts";
import { readJsonFile } from "../ports/files.ts";
import { escapeName, type Manifest, manifestName } from "./manifest.ts";

/** What a dump is called until it is whole. */
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

/**
 * Deletes the oldest backups beyond those to keep, and what a dump whose process was killed left behind; never
 * one that is referred to or was taken by hand, nor a directory without our manifest.
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
  const ours: { name: string; time: string; folder: string }[] = [];
  for (const name of names.filter(options.isOurs)) {
    const manifest = await readJsonFile<Manifest>(join(root, name, manifestName)).catch(
      () => undefined,
    );
    if (manifest?.backupId !== name) continue;
    ours.push({ name, time: manifest.time, folder: escapeName(manifest.databaseName) });
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
  for (const { name, folder } of old) {
    // The manifest goes last: half deleted, it is still known as one of ours.
    await rm(join(root, name, folder), { recursive: true, force: true });
    await rm(join(root, name), { recursive: true, force: true });
  }
  return [...left, ...old.map(({ name }) => name)];
}
