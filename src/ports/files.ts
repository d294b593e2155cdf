import { type Stats, writeFileSync } from "node:fs";
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname } from "node:path";
import { LockstepError, messageOf } from "../errors.ts";

/** True where the disk, or this user's share of it, is full. */
export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Turns trouble with a disk into an expected failure that names the file. Other errors stay as they are. */
export function asFileTrouble(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const errno = (error as NodeJS.ErrnoException).code ?? "";
  return new LockstepError(
    isFull(error) ? "disk-full" : "file-trouble",
    `"${path}": ${error.message}: ${isFull(error) ? "make room there" : "check the disk and the rights of this user"}`,
    { path, errno },
    { cause: error },
  );
}

/** Makes a file or a folder durable. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The owner of a file, and its access rights. */
export type Owned = Pick<Stats, "mode" | "uid" | "gid">;

/** Lockstep's files are for this user alone, as they are as secret as the data from which they come. */
const privateFileMode = 0o600;
const privateFolderMode = 0o700;

/** Makes a new folder for this user alone. `EEXIST` means that another process was first. */
export async function claimPrivateFolder(path: string): Promise<void> {
  await mkdir(path, { mode: privateFolderMode });
  // The umask may have removed rights of this user.
  await chmod(path, privateFolderMode);
}

/** Makes a folder where its parent is there. @returns false where the system says that the parent is missing */
async function makeInParent(path: string): Promise<boolean> {
  try {
    await claimPrivateFolder(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    if (code !== "EEXIST" || !(await stat(path)).isDirectory()) throw error;
  }
  return true;
}

/**
 * Makes a folder and its missing parents for this user alone, whatever the umask. An existing folder keeps its mode.
 * @throws LockstepError `file-trouble` where no folder can be made in a parent that is there, as below `/proc`
 */
export async function createPrivateFolder(path: string): Promise<void> {
  if (await makeInParent(path)) return;
  const parent = dirname(path);
  if (parent !== path) await createPrivateFolder(parent);
  if (await makeInParent(path)) return;
  throw new LockstepError(
    "file-trouble",
    `"${path}": no folder can be made in ${parent}: name a folder of a disk that can be written to`,
    { path, errno: "ENOENT" },
  );
}

/**
 * Opens a new file for writing, for this user alone, whatever the umask. What has its name is removed first: a link
 * would lead to another file, and a pipe would wait for a reader.
 */
export async function openPrivateFile(path: string): Promise<FileHandle> {
  await rm(path, { force: true });
  const handle = await open(path, "wx", privateFileMode);
  try {
    await handle.chmod(privateFileMode);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function writeWhole(path: string, content: string | Uint8Array, like?: Owned) {
  const handle = await openPrivateFile(path);
  try {
    await handle.writeFile(content);
    if (like) {
      const { uid, gid } = await handle.stat();
      const isTheirs = uid === like.uid && gid === like.gid;
      // Only root can give a file away. For any other user the file becomes its own.
      if (!isTheirs) await handle.chown(like.uid, like.gid).catch(() => {});
      await handle.chmod(like.mode);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a whole file or nothing: a temporary file, fsync, rename, fsync of the folder.
 * @param like the file whose owner and rights the new one gets; default: this user alone
 * @throws LockstepError `disk-full`, `file-trouble`
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  like?: Owned,
): Promise<void> {
  const temporary = `${path}.partial`;
  try {
    await createPrivateFolder(dirname(path));
    await writeWhole(temporary, content, like);
    await rename(temporary, path);
    await syncPath(dirname(path));
  } catch (error) {
    // The remains would take the room that is missing.
    await rm(temporary, { force: true }).catch(() => {});
    throw asFileTrouble(path, error);
  }
}

/**
 * Writes the file that a user names for an output. A device, a pipe or a link stays what it is: a rename would put a
 * plain file in its place, also in that of /dev/null.
 * @throws LockstepError `disk-full`, `file-trouble`
 */
export async function writeNamedFile(path: string, content: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.isFile()) return writeFileAtomic(path, content);
  try {
    await writeFile(path, content);
  } catch (error) {
    throw asFileTrouble(path, error);
  }
}

/**
 * Writes a new file for this user alone before it returns, for a process that ends right after it.
 * @throws LockstepError `disk-full`, `file-trouble`, also where there is a file
 */
export function writeNewFileNow(path: string, content: string): void {
  try {
    writeFileSync(path, content, { flag: "wx", mode: privateFileMode });
  } catch (error) {
    throw asFileTrouble(path, error);
  }
}

/**
 * The text of a file that a user names.
 * @throws LockstepError `file-trouble` for one that cannot be read, or that is larger
 */
export async function readTextFile(path: string, bytesMax: number): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size <= bytesMax) return await readFile(path, "utf8");
    throw new LockstepError(
      "file-trouble",
      `"${path}": expected at most ${bytesMax} bytes, found ${size}: name another file`,
      { path, size },
    );
  } catch (error) {
    throw asFileTrouble(path, error);
  }
}

/**
 * The file's JSON value, or undefined where there is no file.
 * @throws LockstepError `file-trouble` for one that cannot be read or holds no JSON
 */
export async function readJsonFile<Value>(path: string): Promise<Value | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (!(error instanceof SyntaxError)) throw asFileTrouble(path, error);
    const message = `"${path}" holds no JSON: ${messageOf(error)}: correct it, or remove it`;
    throw new LockstepError("file-trouble", message, { path }, { cause: error });
  }
}
