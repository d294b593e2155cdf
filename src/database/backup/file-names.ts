import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";

/** A file's name has 255 bytes; the longest ending that a dump adds is `.metadata.json.gz`. */
const fileNameBytesMax = 255 - ".metadata.json.gz".length;
/** So much of a longer name is left, before the sign that it was cut and a hash of the whole. */
const cutNameBytes = 208;
const cutSign = "%24";

function escapeName(name: string): string {
  return encodeURIComponent(name)
    .replace(/%20/g, "+")
    .replace(/[!'()*]/g, (character) => {
      return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    });
}

/**
 * The name of a collection's files without their endings, as mongodump escapes it. It cuts one that is too long for
 * a file: the metadata says the whole name. Pure.
 */
export function fileNameOf(collection: string): string {
  const escaped = escapeName(collection);
  if (escaped.length <= fileNameBytesMax) return escaped;
  const hash = createHash("sha1").update(collection).digest("base64url");
  return `${escaped.slice(0, cutNameBytes)}${cutSign}${hash}`;
}

/** True for the name of a file that mongodump has cut: it does not say the collection's. Pure. */
export function isCut(fileName: string): boolean {
  return fileName.length === fileNameBytesMax && fileName.slice(cutNameBytes).startsWith(cutSign);
}

/**
 * The collection's name that the name of a file says, as mongorestore unescapes it. Pure.
 * @returns null where it is none that mongodump writes
 */
export function collectionOfFile(fileName: string): string | null {
  if (isCut(fileName)) return null;
  try {
    return decodeURIComponent(fileName.replaceAll("+", " "));
  } catch {
    return null;
  }
}

/** The name that earlier builds gave to the folder of a database. mongorestore takes it for the database's. Pure. */
export function earlierFolderOf(databaseName: string): string {
  return escapeName(databaseName);
}

/**
 * The folder of a database's files: its very name, which neither mongodump nor mongorestore escapes; or the one of an
 * earlier build, where only that is there.
 */
export async function folderOf(directory: string, databaseName: string): Promise<string> {
  const folder = join(directory, databaseName);
  const earlier = join(directory, earlierFolderOf(databaseName));
  const isThere = (path: string) =>
    lstat(path).then(
      () => true,
      () => false,
    );
  return (await isThere(folder)) || !(await isThere(earlier)) ? folder : earlier;
}
