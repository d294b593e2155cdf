import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { manifestName } from "./manifest.ts";

/** The bytes of all plain files below a folder. A link is not followed. */
async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

/** The size of backups that are complete, and when the newest of them was that, by this host's clock. */
export async function measureBackups(
  root: string,
  names: readonly string[],
): Promise<{ readonly held: number; readonly bytes: number; readonly newestAt: number | null }> {
  let bytes = 0;
  const times: number[] = [];
  for (const name of names) {
    bytes += await bytesBelow(join(root, name));
    // The manifest is written last.
    times.push((await stat(join(root, name, manifestName))).mtimeMs);
  }
  const newestAt = times.length === 0 ? null : Math.round(Math.max(...times));
  return { held: names.length, bytes, newestAt };
}
