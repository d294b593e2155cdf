import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { systemClock } from "./clock.ts";

/**
 * Why a file's mode lets other users read or change a secret, or null. Pure.
 * A file of root may be readable by its group: that is how secrets are mounted for a service.
 */
export function exposure(file: Pick<Stats, "mode" | "uid">): string | null {
  const shared = file.uid === 0 ? 0o037 : 0o077;
  return (file.mode & shared) === 0 ? null : (file.mode & 0o777).toString(8).padStart(4, "0");
}

/** A pipe that nobody has written to yet has no bytes, or no writer. */
async function readSome(handle: FileHandle, buffer: Buffer, offset: number): Promise<number> {
  try {
    return (await handle.read(buffer, offset, buffer.length - offset, null)).bytesRead;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return -1;
    throw error;
  }
}

/**
 * Reads up to one byte more than the limit: whether there is more says that it is no secret of ours. A pipe whose
 * writer does not come or does not end is given up.
 */
async function readBounded(handle: FileHandle, pipeWaitMs: number): Promise<string> {
  const buffer = Buffer.alloc(limits.secretFileBytesMax + 1);
  const untilMs = systemClock.monotonicMs() + pipeWaitMs;
  let length = 0;
  while (length < buffer.length) {
    const bytes = await readSome(handle, buffer, length);
    if (bytes > 0) {
      length += bytes;
      continue;
    }
    const isEnd = bytes === 0 && length > 0;
    if (isEnd || systemClock.monotonicMs() >= untilMs) break;
    await systemClock.sleep(limits.secretPipePollMs);
  }
  return buffer.toString("utf8", 0, length);
}

/**
 * The one line that a file holds, without the space around it. A file that other users can read is refused,
 * as ssh refuses such a key; a pipe (`<(…)`) has no mode that says anything. No message holds what the file holds.
 * @param purpose what the line is, for messages
 * @param pipeWaitMs how long a pipe may take to be written
 * @throws LockstepError `bad-argument`
 */
export async function readSecretFile(
  path: string,
  purpose: string,
  pipeWaitMs: number = limits.secretPipeWaitMs,
): Promise<string> {
  const refused = (found: string, next: string) =>
    new LockstepError("bad-argument", `expected ${path} to hold ${purpose}, ${found}: ${next}`);
  let handle: FileHandle | undefined;
  try {
    // To open a pipe that has no writer would wait without an end.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    const mode = stats.isFile() ? exposure(stats) : null;
    if (mode !== null) throw refused(`other users can read it (mode ${mode})`, `chmod 600 ${path}`);
    const lines = (await readBounded(handle, stats.isFIFO() ? pipeWaitMs : 0))
      .replace(/^\uFEFF/, "")
      .trim();
    if (lines === "") throw refused("it is empty", "write the URL there, in one line");
    if (Buffer.byteLength(lines) > limits.secretFileBytesMax || /[\r\n]/.test(lines)) {
      throw refused("it holds more than one line", "write the URL alone there");
    }
    return lines;
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    throw refused(
      `it cannot be read: ${messageOf(error)}`,
      "name a file of the user that runs this",
    );
  } finally {
    await handle?.close();
  }
}
