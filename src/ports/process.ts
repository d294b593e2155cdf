import { type ChildProcess, execFile, spawn } from "node:child_process";
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

/** Ends this process with its exit code after the grace, if something still keeps it alive. */
export function exitAfter(graceMs: number): void {
  setTimeout(() => process.exit(), graceMs).unref();
}
