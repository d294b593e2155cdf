import { createHash } from "node:crypto";
import { lstat, rename } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { isTakenBack } from "../../../mongo/bson/insertable.ts";
import { createServerHash } from "../../../mongo/catalogue/server-hash.ts";
import { readJsonFile, writeFileAtomic } from "../../../ports/files.ts";
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
} from "../manifest.ts";
import { manifestProblem } from "../manifest-shape.ts";
import { createDocumentCutter, type DocumentRun } from "./dump-documents.ts";
import { endingsOf, readDumpFile, readDumpText } from "./dump-files.ts";
import { earlierFolderOf, folderOf } from "./file-names.ts";

/**
 * Hashes a file. It ends with the first bytes that are too many, since a small zipped file may hold terabytes.
 */
async function sha256Of(
  path: string,
  bytesMax: number,
  onChunk: (chunk: Buffer) => void,
  chunks: { readonly highWaterMark?: number },
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of readDumpFile(path, chunks) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    onChunk(chunk);
    if (bytes > bytesMax) break;
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

/** True where the seal fits. A field of somebody else may be nested too deeply to have a text: then it is false. */
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
    throw new LockstepError(
      "backup-mismatch",
      `expected a backup in ${directory}, found none: see \`lockstep backup list\``,
    );
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
 * Compares a metadata file with the manifest, and corrects one of an earlier build, on which a stock restore fails. A
 * file that cannot be written stays as it is: our own restore does not need it.
 */
async function checkMetadata(path: string, written: string, entry: DumpedCollection) {
  const expected = metadataOf(entry);
  if (written === expected) return;
  if (written !== earlierMetadataOf(entry)) throw mismatch(path, "differs from the dumped file");
  const content = path.endsWith(".gz") ? gzipSync(expected) : expected;
  await writeFileAtomic(path, content).catch(() => {});
}

/**
 * Renames the folder of an earlier build to the database's very name, by which a stock restore goes. A folder that
 * cannot be renamed stays as it is.
 */
async function mendFolder(directory: string, { databaseName }: Manifest): Promise<void> {
  const folder = join(directory, databaseName);
  if ((await folderOf(directory, databaseName)) === folder) return;
  await rename(join(directory, earlierFolderOf(databaseName)), folder).catch(() => {});
}

/** Finds out whether a file holds what the server's hash was computed of, and what it takes back byte for byte. */
function comparisonOf(path: string, expected: string) {
  const hash = expected === "" ? null : createServerHash();
  const cutter = createDocumentCutter(path);
  let isTaken = hash !== null;
  const areTakenBack = ({ bytes, lengths }: DocumentRun): boolean => {
    let start = 0;
    return lengths.every((length) => {
      const document = bytes.subarray(start, start + length);
      start += length;
      return isTakenBack(document);
    });
  };
  return {
    onChunk(chunk: Buffer): void {
      if (!isTaken) return;
      hash?.update(chunk);
      try {
        isTaken = areTakenBack(cutter.cut(chunk));
      } catch {
        // These bytes are no documents.
        isTaken = false;
      }
    },
    isEqual: (): boolean => isTaken && hash?.digest("hex") === expected,
  };
}

/** A dump whose files are as they were written. */
export interface VerifiedDump {
  readonly manifest: Manifest;
  /**
   * The collections of which no load has to prove that their file equals the live data at T: the server's own hash of
   * that data, as the manifest has it, is the hash of the bytes of the file, and the server takes these bytes back.
   * Any other collection may be equal too, but only a load can prove it.
   */
  readonly equal: readonly string[];
}

/**
 * Hashes all files of a dump again.
 * @param onBytes gets the number of bytes of each read
 * @throws LockstepError `backup-mismatch` naming the file
 */
export async function verifyDump(
  directory: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<Manifest> {
  return (await verifyFiles(directory, ({ length }) => onBytes(length), false)).manifest;
}

/**
 * Hashes all files of a dump again, and compares them with the live data at T, of which the server knows a hash.
 * @throws LockstepError `backup-mismatch` naming the file
 */
export function compareDump(directory: string): Promise<VerifiedDump> {
  return verifyFiles(directory, () => {}, true);
}

async function verifyFiles(
  directory: string,
  onChunk: (chunk: Buffer) => void,
  isCompared: boolean,
): Promise<VerifiedDump> {
  const manifest = await readManifest(directory);
  const endings = endingsOf(manifest);
  await mendFolder(directory, manifest);
  const equal: string[] = [];
  for (const entry of manifest.collections) {
    const { file, dataFile, sha256, bytes } = entry;
    const definition = await plainFile(directory, manifest, `${file}${endings.metadata}`);
    const written = await readDumpText(definition).catch((error: unknown) => {
      throw mismatch(definition, `cannot be read (${messageOf(error)})`);
    });
    await checkMetadata(definition, written, entry);
    if (dataFile === null) continue;
    const path = await plainFile(directory, manifest, `${dataFile}${endings.data}`);
    const comparison = comparisonOf(path, isCompared ? entry.hash : "");
    const hearChunk = (chunk: Buffer) => {
      comparison.onChunk(chunk);
      onChunk(chunk);
    };
    // Small chunks would cut a large document into many parts.
    const chunks = isCompared ? { highWaterMark: limits.loadChunkBytes } : {};
    const found = await sha256Of(path, bytes, hearChunk, chunks).catch((error: unknown) => {
      throw mismatch(path, `cannot be read (${messageOf(error)})`);
    });
    if (found.sha256 !== sha256 || found.bytes !== bytes) {
      throw mismatch(
        path,
        `differs from the dumped file (expected ${bytes} bytes with ${sha256}, got ${found.bytes > bytes ? "more" : `${found.bytes} with ${found.sha256}`})`,
      );
    }
    if (comparison.isEqual()) equal.push(entry.name);
  }
  return { manifest, equal };
}
