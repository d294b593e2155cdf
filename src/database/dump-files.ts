import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { promisify } from "node:util";
import { createGunzip, gzip } from "node:zlib";

const compress = promisify(gzip);

/** What the files of a dump are called behind a collection's name: mongodump's own endings. Pure. */
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
