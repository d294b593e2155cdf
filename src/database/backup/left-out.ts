import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { endingsOf } from "./dump/dump-files.ts";
import { folderOf } from "./dump/file-names.ts";
import { type Manifest, manifestName, markerName } from "./manifest.ts";

const namesIn = (folder: string): Promise<readonly string[]> =>
  readdir(folder).then(
    (names) => names.toSorted(),
    () => [],
  );

/**
 * The files and folders of a copy that its manifest does not name, in words: they are restored by nobody, but a stock
 * mongorestore would take them.
 */
export async function leftOut(directory: string, manifest: Manifest): Promise<readonly string[]> {
  const folder = await folderOf(directory, manifest.databaseName);
  const endings = endingsOf(manifest);
  const known = new Set([
    ...[manifestName, markerName].map((name) => join(directory, name)),
    folder,
  ]);
  for (const { file, dataFile } of manifest.collections) {
    known.add(join(folder, `${file}${endings.metadata}`));
    if (dataFile !== null) known.add(join(folder, `${dataFile}${endings.data}`));
  }
  const found = await Promise.all(
    [directory, folder].map(async (each) => (await namesIn(each)).map((name) => join(each, name))),
  );
  return found
    .flat()
    .filter((path) => !known.has(path))
    .map(
      (path) =>
        `${JSON.stringify(path.slice(directory.length + 1))} is left out: the manifest does not name it`,
    );
}
