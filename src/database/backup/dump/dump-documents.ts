import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { readDumpFile } from "./dump-files.ts";

/** Whole documents, one after another. */
export interface DocumentRun {
  readonly bytes: Buffer;
  readonly lengths: readonly number[];
}

const documentBytesMin = 5;

function damaged(path: string, what: string): LockstepError {
  return new LockstepError(
    "backup-mismatch",
    `${path} ${what}: expected documents of mongodump; use another copy of this backup`,
    { path },
  );
}

/** Cuts the bytes of a dump file into whole documents, chunk by chunk. */
export interface DocumentCutter {
  /** @throws LockstepError `backup-mismatch` */
  cut(chunk: Buffer): DocumentRun;
  /** @throws LockstepError `backup-mismatch` where the last document is not whole */
  end(): void;
}

/** An impossible length is refused, so memory stays bounded. */
export function createDocumentCutter(path: string): DocumentCutter {
  let rest: Buffer = Buffer.alloc(0);
  const cut = (chunk: Buffer): DocumentRun => {
    const whole = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const lengths: number[] = [];
    let end = 0;
    while (end + 4 <= whole.length) {
      const length = whole.readInt32LE(end);
      if (length < documentBytesMin || length > limits.dumpedDocumentBytesMax) {
        throw damaged(path, "holds bytes that are no document");
      }
      if (end + length > whole.length) break;
      if (whole[end + length - 1] !== 0) throw damaged(path, "holds a document without an end");
      end += length;
      lengths.push(length);
    }
    rest = whole.subarray(end);
    return { bytes: whole.subarray(0, end), lengths };
  };
  return {
    cut,
    end() {
      if (rest.length > 0) throw damaged(path, "ends in the middle of a document");
    },
  };
}

/**
 * The documents of a dump file.
 * @throws LockstepError `backup-mismatch`
 */
export async function* documentRuns(path: string): AsyncGenerator<DocumentRun> {
  const cutter = createDocumentCutter(path);
  const chunks = readDumpFile(path, { highWaterMark: limits.loadChunkBytes });
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    const run = cutter.cut(chunk);
    if (run.bytes.length > 0) yield run;
  }
  cutter.end();
}
