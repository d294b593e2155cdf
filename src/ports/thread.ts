import { Worker } from "node:worker_threads";

/** A thread of this process, with an event loop and a heap of its own. */
export interface Thread<In, Out> {
  send(message: In): void;
  /** Resolves at its end, with the words of the error that ended it, or null. */
  readonly ended: Promise<string | null>;
  onMessage(listener: (message: Out) => void): void;
  /** Ends it at once. */
  end(): Promise<void>;
}

/**
 * Starts a module as a thread. It keeps no process alive.
 * @param options.megabytesMax its heap: the thread ends at this bound, and the process lives on
 */
export function startThread<In, Out>(
  module: URL,
  options: { readonly data: unknown; readonly megabytesMax: number },
): Thread<In, Out> {
  const worker = new Worker(module, {
    workerData: options.data,
    resourceLimits: { maxOldGenerationSizeMb: options.megabytesMax },
  });
  worker.unref();
  let why: string | null = null;
  worker.on("error", (error) => {
    why = error instanceof Error ? error.message : String(error);
  });
  return {
    send: (message) => worker.postMessage(message),
    onMessage: (listener) => void worker.on("message", listener),
    ended: new Promise((resolve) => worker.once("exit", () => resolve(why))),
    async end() {
      await worker.terminate();
    },
  };
}
