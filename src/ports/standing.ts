import cluster from "node:cluster";
import { isMainThread } from "node:worker_threads";

/** The place of this code among the threads and processes around it. */
export interface Standing {
  readonly isMainThread: boolean;
  readonly isClusterWorker: boolean;
  /** The process that has started this one has given it a channel for messages. */
  readonly hasChannel: boolean;
}

/** The place of this code. */
export function ownStanding(): Standing {
  const hasChannel = process.send !== undefined;
  return { isMainThread, isClusterWorker: cluster.isWorker, hasChannel };
}
