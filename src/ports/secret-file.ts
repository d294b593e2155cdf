import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";

/**
 * Why a file's mode lets other users read or change a secret, or null. Pure.
 * A file of root may be readable by its group: that is how secrets are mounted for a service.
 */
export function exposure(file: Pick<Stats, "mode" | "uid">): string | null {
  const shared = file.uid === 0 ? 0o037 : 0o077;
  return (file.mode & shared) === 0 ? null : (file.mode & 0o777).toString(8).padStart(4, "0");
}

/** Reads up to one byte more than the limit: whether there is more says that it is no secret of ours. */
async function readBounded(handle: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(limits.secretFileBytesMax + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
    length += bytesRead;
    if (bytesRead === 0 || length === buffer.length) break;
  }
  return buffer.toString("utf8", 0, length);
}

/**
 * The one line that a file holds, without the space around it. A file that other users can read is refused,
 * as ssh refuses such a key; a pipe (`<(…)`) has no mode that says anything. No message holds what the file holds.
 * @param purpose what the line is, for messages
 * @throws LockstepError `bad-argument`
 */
export async function readSecretFile(path: string, purpose: string): Promise<string> {
  const refused = (found: string, next: string) =>
    new LockstepError("bad-argument", `expected ${path} to hold ${purpose}, ${found}: ${next}`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const stats = await handle.stat();
    const mode = stats.isFile() ? exposure(stats) : null;
    if (mode !== null) throw refused(`other users can read it (mode ${mode})`, `chmod 600 ${path}`);
    const lines = (await readBounded(handle)).replace(/^\uFEFF/, "").trim();
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
