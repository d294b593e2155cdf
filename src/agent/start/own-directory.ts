import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isLockstepError, LockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import { readJsonFile, writeFileAtomic } from "../../ports/files.ts";
import { type FolderLock, lockFolder } from "../../ports/folder-lock.ts";
import type { Random } from "../../ports/random.ts";

/** The data directory of a process that has it for itself. */
export interface OwnDirectory {
  /** The same in each process of this directory, and another one in a copy of it. */
  readonly id: string;
  release(): Promise<void>;
}

async function idOf(directory: string, random: Random): Promise<string> {
  const path = join(directory, "directory-id");
  const { ino: inode } = await stat(directory);
  const known = await readJsonFile<{ id?: unknown; inode?: unknown }>(path);
  if (typeof known?.id === "string" && known.inode === inode) return known.id;
  const id = random.hex(8);
  await writeFileAtomic(path, `${JSON.stringify({ id, inode })}\n`);
  return id;
}

interface TakeOptions {
  readonly dataDirectory: string;
  /** The launcher of this process has the lock of the directory. */
  readonly isLaunched: boolean;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Tells the launcher that this process waits for another one. */
  reportWaiting(): void;
}

/**
 * Waits until no earlier process of this agent is left. Where its launcher was killed, the application of that process
 * may still drain, and the lock of the directory is free.
 * @throws LockstepError `aborted`
 */
async function lockAgent(options: TakeOptions): Promise<FolderLock> {
  const { dataDirectory, clock, log, signal, reportWaiting } = options;
  const looksPerNote = limits.earlierProcessNoteMs / limits.earlierProcessLookMs;
  for (let look = 0; !signal.aborted; look += 1) {
    try {
      return await lockFolder(dataDirectory, "agent");
    } catch (error) {
      if (!isLockstepError(error, "directory-taken")) throw error;
      reportWaiting();
      if (look % looksPerNote === 0) {
        log.warn(
          { details: error.details },
          "an earlier process of this agent still runs, so this one waits for its end",
        );
      }
    }
    await clock.sleep(limits.earlierProcessLookMs, signal);
  }
  throw new LockstepError("aborted", "this agent was stopped before its earlier process had ended");
}

/**
 * Takes a data directory for this process.
 * @throws LockstepError `directory-taken`, `file-trouble`, `aborted`
 */
export async function takeDirectory(options: TakeOptions): Promise<OwnDirectory> {
  const { dataDirectory, isLaunched, random, log } = options;
  const lock = isLaunched ? undefined : await lockFolder(dataDirectory);
  const agentLock = await lockAgent(options).catch(async (error: unknown) => {
    await lock?.release();
    throw error;
  });
  const release = async () => {
    await agentLock.release();
    await lock?.release();
  };
  // Nothing proves that an earlier process of this directory has ended, so this one counts as another agent.
  if (lock?.isHeld === false) return { id: random.hex(8), release };
  try {
    return { id: await idOf(dataDirectory, random), release };
  } catch (error) {
    // A full disk must not keep an agent away.
    log.warn({ error: messageOf(error) }, "the id of the data directory could not be kept");
    return { id: random.hex(8), release };
  }
}
