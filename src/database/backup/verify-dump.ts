import { createHash } from "node:crypto";
import { lstat, rename } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readJsonFile, writeFileAtomic } from "../../ports/files.ts";
import { endingsOf, readDumpFile, readDumpText } from "./dump-files.ts";
import { earlierFolderOf, folderOf } from "./file-names.ts";
import {
  type DumpedCollection,
  earlierMetadataOf,
  fromFormat2,
  type Manifest,
  manifestDigest,
  manifestFormat,
  manifestName,
  metadataOf,
  sealOf,
} from "./manifest.ts";
import { manifestProblem } from "./manifest-shape.ts";

async function sha256Of(
  path: string,
  onBytes: (bytes: number) => void,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of readDumpFile(path)) {
    hash.update(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
    onBytes((chunk as Uint8Array).length);
  }
  return { sha256: hash.digest("hex"), bytes };
}

function mismatch(path: string, what: string): LockstepError {
  return new LockstepError("backup-mismatch", `${path} ${what}: use another copy of this backup`, {
    path,
  });
}

/** The JSON value of a manifest file, which must be a plain file of a bounded size. */
async function readPlainJson(path: string): Promise<unknown> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw mismatch(path, `cannot be read (${messageOf(error)})`);
  });
  if (found === null) return undefined;
  if (!found.isFile()) throw mismatch(path, "is no plain file");
  if (found.size > limits.manifestBytesMax) {
    throw mismatch(path, `has ${found.size} bytes, expected at most ${limits.manifestBytesMax}`);
  }
  return readJsonFile<unknown>(path).catch((error: unknown) => {
    throw mismatch(path, `cannot be read (${messageOf(error)})`);
  });
}

/** False too where a field that we never write is nested so deeply that it has no text. */
function isIntact(manifest: Manifest): boolean {
  try {
    return (
      manifestDigest(manifest.collections) === manifest.digest && sealOf(manifest) === manifest.seal
    );
  } catch {
    return false;
  }
}

/**
 * Reads a manifest and proves that it is as it was written.
 * @throws LockstepError `backup-mismatch`
 */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, manifestName);
  const around = await lstat(directory).catch(() => null);
  if (around && !around.isDirectory()) throw mismatch(directory, "is no plain directory");
  const value = await readPlainJson(path);
  if (value === undefined) {
    throw new LockstepError("backup-mismatch", `expected a backup in ${directory}, found none`);
  }
  const format = (value as { format?: unknown } | null)?.format;
  const isOld = format === 2;
  if (!isOld && format !== manifestFormat) {
    const found = typeof format === "number" ? `format ${format}` : "a format that is no number";
    throw mismatch(path, `is of ${found}, expected ${manifestFormat}`);
  }
  const problem = manifestProblem(value);
  if (problem !== null) throw mismatch(path, `holds ${problem}`);
  const manifest = value as Manifest;
  if (!isIntact(manifest)) throw mismatch(path, "was edited");
  if (!isOld) return manifest;
  try {
    return fromFormat2(manifest);
  } catch (error) {
    throw mismatch(path, `holds a definition that cannot be read (${messageOf(error)})`);
  }
}

/** The path of a file of a dump, which must be a plain file within it. */
async function plainFile(directory: string, manifest: Manifest, name: string): Promise<string> {
  const folder = await folderOf(directory, manifest.databaseName);
  const path = join(folder, name);
  if (/[/\\]/.test(name) || name.startsWith(".")) throw mismatch(path, "lies outside the backup");
  const around = await lstat(folder).catch(() => null);
  if (around && !around.isDirectory()) throw mismatch(folder, "is no plain directory");
  const found = await lstat(path).catch((error: unknown) => {
    throw mismatch(path, `cannot be read (${messageOf(error)})`);
  });
  if (!found.isFile()) throw mismatch(path, "is no plain file");
  return path;
}

/**
 * Compares a metadata file with the manifest, and mends one of an earlier build: a stock restore fails on it.
 * Where it cannot be written, it stays as it is: our own restore does not need it.
 */
async function checkMetadata(path: string, written: string, entry: DumpedCollection) {
  const expected = metadataOf(entry);
  if (written === expected) return;
  if (written !== earlierMetadataOf(entry)) throw mismatch(path, "is not what was dumped");
  const content = path.endsWith(".gz") ? gzipSync(expected) : expected;
  await writeFileAtomic(path, content).catch(() => {});
}

/**
 * Gives the folder of an earlier build the database's very name: a stock restore takes the folder's name for it. Where
 * it cannot be renamed, it stays as it is.
 */
async function mendFolder(directory: string, { databaseName }: Manifest): Promise<void> {
  const folder = join(directory, databaseName);
  if ((await folderOf(directory, databaseName)) === folder) return;
  await rename(join(directory, earlierFolderOf(databaseName)), folder).catch(() => {});
}

/**
 * Hashes all files of a dump again.
 * @param onBytes hears of bytes that are read
 * @throws LockstepError `backup-mismatch` naming the file
 */
export async function verifyDump(
  directory: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<Manifest> {
  const manifest = await readManifest(directory);
  const endings = endingsOf(manifest);
  await mendFolder(directory, manifest);
  for (const entry of manifest.collections) {
    const { file, dataFile, sha256, bytes } = entry;
    const definition = await plainFile(directory, manifest, `${file}${endings.metadata}`);
    const written = await readDumpText(definition).catch((error: unknown) => {
      throw mismatch(definition, `cannot be read (${messageOf(error)})`);
    });
    await checkMetadata(definition, written, entry);
    if (dataFile === null) continue;
    const path = await plainFile(directory, manifest, `${dataFile}${endings.data}`);
    const found = await sha256Of(path, onBytes).catch((error: unknown) => {
      throw mismatch(path, `cannot be read (${messageOf(error)})`);
    });
    if (found.sha256 !== sha256 || found.bytes !== bytes) {
      throw mismatch(
        path,
        `is not what was dumped (expected ${bytes} bytes with ${sha256}, got ${found.bytes} with ${found.sha256})`,
      );
    }
  }
  return manifest;
}
