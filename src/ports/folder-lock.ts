import { close, constants, ftruncate, open, write } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LockstepError } from "../errors.ts";
import { claimPrivateFolder, createPrivateFolder, readJsonFile } from "./files.ts";
import { exited, startProcess } from "./process.ts";

/** The lock of a folder, for this process alone. The kernel ends it with the process, however that ends. */
export interface FolderLock {
  /** False where this host has no means of locking: then nothing keeps another process out. */
  readonly isHeld: boolean;
  release(): Promise<void>;
}

/** The locks that a data directory may have: its holder's, and an agent's under the launcher that holds it. */
const lockNames = { holder: "lock", agent: "agent-lock" } as const;

const openFile = promisify(open);
const closeFile = promisify(close);

/** macOS locks a file as it opens it (`O_EXLOCK`, `O_NONBLOCK`). */
const lockingFlags = process.platform === "darwin" ? 0x20 | 0x4 : 0;

/** The exit code of `flock` for a file that another process has locked. */
const exitWhenTaken = 1;

/**
 * Locks an open file. Node has no call for that, and the lock belongs to the open file and not to a process: a child
 * that shares it can take the lock, which stays with this process once the child has ended.
 */
async function lockFile(file: number): Promise<"held" | "taken" | "no means"> {
  if (lockingFlags !== 0) return "held";
  const flock = startProcess("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", file] });
  const { code } = await exited(flock);
  if (code === 0) return "held";
  return code === exitWhenTaken ? "taken" : "no means";
}

async function takenError(folder: string, path: string): Promise<LockstepError> {
  // Its holder may be about to write it.
  const holder = await readJsonFile<{ host?: unknown; pid?: unknown }>(path).catch(() => undefined);
  const { host = "unknown", pid = "unknown" } = holder ?? {};
  return new LockstepError(
    "directory-taken",
    `expected a data directory of its own, ${folder} is in use by process ${String(pid)} on host ${String(host)}: end that one, or name another directory`,
    { folder, host, pid },
  );
}

/**
 * Locks a folder against every other process that locks it, also one of another container that shares it.
 * @throws LockstepError `directory-taken`, `file-trouble`
 */
export async function lockFolder(
  folder: string,
  lock: keyof typeof lockNames = "holder",
): Promise<FolderLock> {
  await createPrivateFolder(folder);
  const path = join(folder, lockNames[lock]);
  let file: number;
  try {
    file = await openFile(path, constants.O_RDWR | constants.O_CREAT | lockingFlags, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (lockingFlags !== 0 && (code === "EAGAIN" || code === "EWOULDBLOCK")) {
      throw await takenError(folder, path);
    }
    throw error;
  }
  const found = await lockFile(file);
  if (found === "taken") {
    await closeFile(file);
    throw await takenError(folder, path);
  }
  const holder = `${JSON.stringify({ host: hostname(), pid: process.pid })}\n`;
  await promisify(ftruncate)(file, 0);
  await promisify(write)(file, holder, 0);
  return { isHeld: found === "held", release: () => closeFile(file) };
}

/** Keeps every process from a folder's locks, for good: folders have their names. */
export async function blockLocks(folder: string): Promise<void> {
  await Promise.all(Object.values(lockNames).map((name) => claimPrivateFolder(join(folder, name))));
}
