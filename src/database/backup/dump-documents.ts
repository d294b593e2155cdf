import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
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

/**
 * The documents of a dump file. A length that no document can have is refused, so memory stays bounded.
 * @throws LockstepError `backup-mismatch`
 */
export async function* documentRuns(path: string): AsyncGenerator<DocumentRun> {
  let rest: Buffer = Buffer.alloc(0);
  const chunks = readDumpFile(path, { highWaterMark: limits.loadChunkBytes });
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    const whole = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const lengths: number[] = [];
    let end = 0;
    while (end + 4 <= whole.length) {
      const length = whole.readInt32LE(end);
      if (length < documentBytesMin || length > limits.dumpedDocumentBytesMax) {
        throw damaged(path, "holds something that is no document");
      }
      if (end + length > whole.length) break;
      if (whole[end + length - 1] !== 0) throw damaged(path, "holds a document without an end");
      end += length;
      lengths.push(length);
    }
    if (end > 0) yield { bytes: whole.subarray(0, end), lengths };
    rest = whole.subarray(end);
  }
  if (rest.length > 0) throw damaged(path, "ends in the middle of a document");
}
