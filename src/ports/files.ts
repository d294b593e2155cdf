import type { Stats } from "node:fs";
import { chmod, type FileHandle, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { LockstepError, messageOf } from "../errors.ts";

/** True where there is no room, or none for this user. */
export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Trouble with a disk as an expected failure that names the file; anything else as it is. */
export function asFileTrouble(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const errno = (error as NodeJS.ErrnoException).code ?? "";
  return new LockstepError(
    isFull(error) ? "disk-full" : "file-trouble",
    `"${path}": ${error.message}: ${isFull(error) ? "make room there" : "look at the disk and at who may use it"}`,
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

/** Whose a file is, and who may use it. */
export type Owned = Pick<Stats, "mode" | "uid" | "gid">;

/** Lockstep's files are as secret as the data that they come from: they are for this user alone. */
const privateFileMode = 0o600;
const privateFolderMode = 0o700;

/**
 * Makes a folder, and its parents where they are missing, for this user alone, whatever the umask. A folder that
 * is there already keeps its mode.
 */
export async function createPrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: privateFolderMode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
    await createPrivateFolder(dirname(path));
    return createPrivateFolder(path);
  }
  // The umask may have taken rights of our own away.
  await chmod(path, privateFolderMode);
}

/** Makes a folder for this user alone that is not there: `EEXIST` says that another process was first. */
export async function claimPrivateFolder(path: string): Promise<void> {
  await mkdir(path, { mode: privateFolderMode });
  await chmod(path, privateFolderMode);
}

/** Opens a file anew to write it, for this user alone, whatever the umask and whatever was there. */
export async function openPrivateFile(path: string): Promise<FileHandle> {
  const handle = await open(path, "w", privateFileMode);
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
      // Only root can give a file away: for anybody else it becomes its own.
      if (!isTheirs) await handle.chown(like.uid, like.gid).catch(() => {});
      await handle.chmod(like.mode);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a whole file or nothing: a temporary one, fsync, rename, fsync of the folder.
 * @param like whose and for whom the file is to be; by default for this user alone
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
    // What is left of it would take the room that is missing.
    await rm(temporary, { force: true }).catch(() => {});
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
    const message = `"${path}" holds no JSON: ${messageOf(error)}: put it right, or take it away`;
    throw new LockstepError("file-trouble", message, { path }, { cause: error });
  }
}
