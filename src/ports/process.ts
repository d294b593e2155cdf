import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The output of a command that ran to its end. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. It never throws for an exit code, and returns `null` for a missing program. */
export async function runCommand(
  command: string,
  commandArguments: readonly string[],
  options: { timeoutMs: number; cwd?: string; signal?: AbortSignal },
): Promise<Ran | null> {
  try {
    const { stdout, stderr } = await execute(command, [...commandArguments], {
      timeout: options.timeoutMs,
      maxBuffer: 16 * 1024 * 1024,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return { exitCode: 0, stdout, stderr };
  } catch (error) {
    const failure = error as { code?: unknown; stdout?: string; stderr?: string };
    if (failure.code === "ENOENT") return null;
    const exitCode = typeof failure.code === "number" ? failure.code : 1;
    return { exitCode, stdout: failure.stdout ?? "", stderr: failure.stderr ?? String(error) };
  }
}

export type { ChildProcess };

/** Starts a process. The caller ends it, by its process id. */
export const startProcess = spawn;

/** Sends a signal. Returns false when there is no such process any more. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** One process of this host: a later one with its id has another start. */
export interface ProcessIdentity {
  readonly pid: number;
  /** The time at which it started, in ticks since the start of the host. */
  readonly started: string;
}

/**
 * The fields of a process in Linux's `stat`, from its state on; none where there is no such process.
 * Throws what else keeps them from being read, as too many open files.
 */
export async function statOf(pid: number): Promise<readonly string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch((error: unknown) => {
    if (["ENOENT", "ESRCH"].includes(String((error as NodeJS.ErrnoException).code))) return "";
    throw error;
  });
  // The name of the program before them, in parentheses, may contain spaces.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/**
 * The identity of a process, or undefined where there is none: it never was, has ended, or waits as a zombie for its parent.
 * It is undefined for all of them where the system does not tell.
 */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const fields = await statOf(pid);
  const [state = "", started] = [fields[0], fields[19]];
  return started === undefined || "ZX".includes(state) ? undefined : { pid, started };
}

/** Resolves once the child has ended. */
export function exited(
  child: ChildProcess,
): Promise<{ code: number | null; signal: string | null }> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", () => resolve({ code: 127, signal: null }));
  });
}

/** The end of a program that had a group of processes for itself. */
export interface RanApart {
  readonly code: number | null;
  readonly signal: string | null;
  /** It was ended, since it had not ended by itself in time. */
  readonly isLate: boolean;
  /** Why the system could not start it, or null. */
  readonly refusal: string | null;
  /** The last part of its output. */
  readonly output: string;
}

/** The last bytes of what the streams of a child bring. */
function keepTail(child: ChildProcess, bytesMax: number): () => string {
  let tail: Buffer = Buffer.alloc(0);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-bytesMax);
    });
  }
  return () => tail.toString("utf8");
}

/** Resolves with true once the promise has, or with false after so long, or when the signal aborts. */
function settledWithin(
  promise: Promise<unknown>,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isSettled: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      resolve(isSettled);
    };
    const giveUp = () => end(false);
    const timer = setTimeout(giveUp, limitMs);
    void promise.then(() => end(true));
    signal?.addEventListener("abort", giveUp, { once: true });
    if (signal?.aborted) giveUp();
  });
}

/** Kills all processes of a group. One that belongs to another user stays. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    signalProcess(-pid, "SIGKILL");
  } catch {
    // The caller waits for the end of the group only for a while.
  }
}

/**
 * Runs a program in a group of its own, without a terminal. When the program ends, or is late, or the signal aborts, the
 * whole group is killed, so that nothing that it has started stays.
 * @param options.graceMs how long to wait for the end of what was killed, and for the rest of its output
 */
export async function runApart(
  program: string,
  words: readonly string[],
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly limitMs: number;
    readonly graceMs: number;
    readonly outputBytesMax: number;
    readonly signal: AbortSignal;
  },
): Promise<RanApart> {
  const { env, limitMs, graceMs, outputBytesMax, signal } = options;
  const none = { code: null, signal: null, isLate: false, output: "" };
  let child: ChildProcess;
  try {
    child = spawn(program, [...words], { detached: true, stdio: ["ignore", "pipe", "pipe"], env });
  } catch (error) {
    // A word with a null character, for example.
    return { ...none, refusal: String(error) };
  }
  let refusal: string | null = null;
  child.once("error", (error) => {
    refusal = error.message;
  });
  const output = keepTail(child, outputBytesMax);
  const closed = new Promise((resolve) => child.once("close", resolve));
  const hasEnded = await settledWithin(exited(child), limitMs, signal);
  killGroup(child.pid);
  await settledWithin(closed, graceMs);
  for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  const isLate = !hasEnded && !signal.aborted;
  if (refusal !== null) return { ...none, refusal };
  const { exitCode: code, signalCode } = child;
  return { code, signal: signalCode, isLate, refusal, output: output() };
}

/** Ends this process with its exit code after the grace, if something still keeps it alive. */
export function exitAfter(graceMs: number): void {
  setTimeout(() => process.exit(), graceMs).unref();
}
