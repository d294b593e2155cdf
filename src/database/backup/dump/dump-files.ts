import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { promisify } from "node:util";
import { createGunzip, gzip } from "node:zlib";
import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

const compress = promisify(gzip);

/** The endings of mongodump's files behind a collection's name. Pure. */
export function endingsOf({ gzip: zipped }: { readonly gzip?: boolean }): {
  readonly data: string;
  readonly metadata: string;
} {
  const more = zipped ? ".gz" : "";
  return { data: `.bson${more}`, metadata: `.metadata.json${more}` };
}

/** The bytes of a file of a dump, unzipped where it is zipped. */
export function readDumpFile(path: string, options: { highWaterMark?: number } = {}): Readable {
  const file = createReadStream(path, options);
  if (!path.endsWith(".gz")) return file;
  // The reader gets an error of the file through the pipeline.
  return pipeline(file, createGunzip({ chunkSize: options.highWaterMark ?? 65_536 }), () => {});
}

/**
 * The text of a metadata file, unzipped. Its length is bounded, since a small file may unzip to more than fits into
 * memory.
 * @throws LockstepError `backup-mismatch` for one that is longer
 */
export async function readDumpText(path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of readDumpFile(path) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > limits.metadataBytesMax) {
      throw new LockstepError(
        "backup-mismatch",
        `${path} holds more than ${limits.metadataBytesMax} bytes, expected the definitions of one collection: use another copy of this backup`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * Appends all bytes to a file of a dump. (On a disk that is nearly full, one write may take only a part.) Each zipped
 * chunk is a gzip member of its own, and every gunzip reads all members.
 */
export async function appendDumpFile(
  handle: FileHandle,
  chunk: Uint8Array,
  zipped: boolean,
): Promise<void> {
  await handle.appendFile(zipped ? await compress(chunk, { level: 1 }) : chunk);
}
