import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { systemClock } from "./clock.ts";

/**
 * Why a file's mode lets other users read or change a secret, or null. The group may read a file of root, as services
 * get their secrets mounted that way. Pure.
 */
export function exposure(file: Pick<Stats, "mode" | "uid">): string | null {
  const shared = file.uid === 0 ? 0o037 : 0o077;
  return (file.mode & shared) === 0 ? null : (file.mode & 0o777).toString(8).padStart(4, "0");
}

/** A pipe without a writer yet has no bytes. */
async function readSome(handle: FileHandle, buffer: Buffer, offset: number): Promise<number> {
  try {
    return (await handle.read(buffer, offset, buffer.length - offset, null)).bytesRead;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return -1;
    throw error;
  }
}

/**
 * Reads at most one byte more than the limit, which shows a file that is too long. It gives a pipe up whose writer
 * does not come or does not end.
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
 * The one line in a file, without the space around it. A file that other users can read is refused, as ssh refuses
 * such a key. The mode of a pipe (`<(…)`) means nothing. No message contains the line.
 * @param purpose the purpose of the line, for messages
 * @param pipeWaitMs how long to wait for the writer of a pipe
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
    // Opening a pipe without a writer would wait for ever.
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
