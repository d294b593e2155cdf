import { type ChildProcess, exited, startProcess } from "../ports/process.ts";

/** Reads ids of process groups from its standard input; when that ends, so do they, and the folder goes where one is named. */
const program = `
const pids = new Set();
let text = "";
process.stdin.on("data", (chunk) => {
  text += chunk;
  const lines = text.split("\\n");
  text = lines.pop();
  for (const line of lines) {
    const [word, pid] = line.split(" ");
    if (word === "add") pids.add(Number(pid));
    else pids.delete(Number(pid));
  }
});
process.stdin.on("end", () => {
  for (const pid of pids) try { process.kill(-pid, "SIGKILL"); } catch {}
  if (process.argv[1] === undefined) return;
  // One that is dying may still write: the folder is tried until it is empty.
  const patience = { recursive: true, force: true, maxRetries: 50, retryDelay: 100 };
  require("node:fs").rmSync(process.argv[1], patience);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
`;

/** A process that outlives this one by a moment and ends everything that was started, even after kill -9. */
export interface Guard {
  /** Adds a process that leads a group of its own (started `detached`). The whole group ends with this process. */
  add(pid: number): void;
  remove(pid: number): void;
  release(): Promise<void>;
}

/** @param directory the folder that goes at the end, or null where the data stays */
export function startGuard(directory: string | null): Guard {
  const words = ["-e", program, ...(directory === null ? [] : [directory])];
  const child: ChildProcess = startProcess(process.execPath, words, {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  const say = (line: string) => child.stdin?.write(`${line}\n`);
  return {
    add: (pid) => say(`add ${pid}`),
    remove: (pid) => say(`remove ${pid}`),
    async release() {
      child.ref();
      child.stdin?.end();
      await exited(child);
    },
  };
}
