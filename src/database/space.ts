import { limits } from "../limits.ts";

/** What `dbStats` says of a database. */
export interface DatabaseSize {
  readonly dataSizeBytes: number;
  readonly storageSizeBytes: number;
  readonly indexSizeBytes: number;
}

/** Bytes that have to be free before anything is written. Pure. */
export function spaceNeeded(size: DatabaseSize): {
  /** On each agent's disk, for its copy. */
  readonly agentBytes: number;
  /** On each member's disk: the scratch copy, the migration, a possible restore, their oplog. */
  readonly memberBytes: number;
} {
  const { dataSizeBytes, storageSizeBytes, indexSizeBytes } = size;
  return {
    agentBytes: Math.ceil(1.1 * dataSizeBytes) + limits.spaceMarginBytes,
    memberBytes:
      Math.ceil(1.5 * dataSizeBytes) +
      2 * (storageSizeBytes + indexSizeBytes + dataSizeBytes) +
      limits.spaceMarginBytes,
  };
}
