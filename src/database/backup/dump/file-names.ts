import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";

/** A file's name has at most 255 bytes. The longest ending that a dump adds is `.metadata.json.gz`. */
const fileNameBytesMax = 255 - ".metadata.json.gz".length;
/** The bytes that stay of a longer name, before the mark of a cut and a hash of the whole name. */
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
 * The name of a collection's files without their endings, as mongodump escapes it. mongodump cuts a name that is too
 * long for a file. The metadata has the whole name then. Pure.
 */
export function fileNameOf(collection: string): string {
  const escaped = escapeName(collection);
  if (escaped.length <= fileNameBytesMax) return escaped;
  const hash = createHash("sha1").update(collection).digest("base64url");
  return `${escaped.slice(0, cutNameBytes)}${cutSign}${hash}`;
}

/** True for the name of a file that mongodump has cut, so that it lacks a part of the collection's name. Pure. */
export function isCut(fileName: string): boolean {
  return fileName.length === fileNameBytesMax && fileName.slice(cutNameBytes).startsWith(cutSign);
}

/**
 * The name of the collection in a file's name, as mongorestore unescapes it. Pure.
 * @returns null for a name that mongodump never writes
 */
export function collectionOfFile(fileName: string): string | null {
  if (isCut(fileName)) return null;
  try {
    return decodeURIComponent(fileName.replaceAll("+", " "));
  } catch {
    return null;
  }
}

/**
 * The name that earlier builds gave to the folder of a database. mongorestore takes it for the database's name. Pure.
 */
export function earlierFolderOf(databaseName: string): string {
  return escapeName(databaseName);
}

/**
 * The folder of a database's files. It has the database's very name, which neither mongodump nor mongorestore
 * escapes. Where only the folder of an earlier build exists, it is that one.
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
