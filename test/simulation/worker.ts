import { parentPort } from "node:worker_threads";
import { simulate } from "./simulate.ts";

// Thousands of errors a second are part of the weather; nobody reads where they came from.
Error.stackTraceLimit = 0;

/** Runs the seeds that it is told, one by one; what it is asked for nothing more, it ends. */
parentPort?.on("message", (seed: number | null) => {
  if (seed === null) return parentPort?.close();
  void simulate(seed).then((result) => parentPort?.postMessage(result));
});
