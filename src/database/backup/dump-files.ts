import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { promisify } from "node:util";
import { createGunzip, gzip } from "node:zlib";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";

const compress = promisify(gzip);

/** The endings of a dump's files behind a collection's name: those of mongodump. Pure. */
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
  // Trouble with the file reaches whoever reads, through the pipeline.
  return pipeline(file, createGunzip({ chunkSize: options.highWaterMark ?? 65_536 }), () => {});
}

/**
 * The text of a metadata file, unzipped. A small file may unzip to more than any memory holds, so its length is bounded.
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
 * Appends to a file of a dump, all of it: where the disk is nearly full, one write takes a part and is content.
 * Each chunk is a member of its own, which every gunzip reads on.
 */
export async function appendDumpFile(
  handle: FileHandle,
  chunk: Uint8Array,
  zipped: boolean,
): Promise<void> {
  await handle.appendFile(zipped ? await compress(chunk, { level: 1 }) : chunk);
}
