import { chmod, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuard } from "../../src/local/guard.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { type ChildProcess, exited, signalProcess, startProcess } from "../../src/ports/process.ts";
import { installPeers, peersFolder } from "./install-peers.ts";

interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Default: SIGKILL. */
  readonly endBy?: NodeJS.Signals;
  /** True for one of our programs, which sends a message. */
  readonly speaks?: boolean;
}

/** The processes and the data of a peer. All of it goes at the end, also if this process is interrupted or dies. */
export interface Peers {
  readonly folder: string;
  start(name: string, command: readonly string[], options?: StartOptions): Promise<ChildProcess>;
  /** Starts one of the programs beside the peers, and waits for its message. */
  ask<Answer>(program: string, means: object, node?: string): Promise<Answer>;
  /** Waits until it holds, or fails with the last lines of that process's log. */
  until(name: string, holds: (log: string) => boolean | Promise<boolean>): Promise<void>;
}

const readyTimeoutMs = 60_000;

export async function withPeers<Result>(act: (peers: Peers) => Promise<Result>): Promise<Result> {
  await installPeers();
  const folder = await mkdtemp(join(tmpdir(), "lockstep-peer-"));
  // PostgreSQL refuses root, so another user needs the way to its data.
  await chmod(folder, 0o755);
  const guard = startGuard(folder);
  const running: { child: ChildProcess; endBy: NodeJS.Signals }[] = [];
  const logOf = (name: string) => readFile(join(folder, `${name}.log`), "utf8");
  const lastLines = async (name: string) => (await logOf(name)).split("\n").slice(-20).join("\n");

  const start = async (
    name: string,
    [program = "", ...words]: readonly string[],
    { environment = {}, user, endBy = "SIGKILL", speaks = false }: StartOptions = {},
  ) => {
    const log = await open(join(folder, `${name}.log`), "a");
    const child = startProcess(program, words, {
      ...{ cwd: peersFolder, detached: true, env: { ...process.env, ...environment }, ...user },
      stdio: ["ignore", log.fd, log.fd, ...(speaks ? (["ipc"] as const) : [])],
    });
    await log.close();
    const { pid } = child;
    if (pid !== undefined) guard.add(pid);
    void exited(child).then(() => pid !== undefined && guard.remove(pid));
    running.push({ child, endBy });
    return child;
  };

  let ending: Promise<void> | undefined;
  const endAll = async () => {
    for (const { child, endBy } of running.toReversed()) {
      const isAlive = child.exitCode === null && child.signalCode === null;
      if (child.pid !== undefined && isAlive) signalProcess(child.pid, endBy);
      await exited(child);
    }
    await guard.release();
    await rm(folder, { recursive: true, force: true });
  };
  const end = () => {
    ending ??= endAll();
    return ending;
  };
  const interrupted = () => void end().finally(() => process.exit(130));
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  try {
    return await act({
      folder,
      start,
      async ask<Answer>(program: string, means: object, node = process.execPath) {
        const path = join(peersFolder, program);
        const child = await start(program, [node, path, JSON.stringify(means)], {
          speaks: true,
        });
        const ended = exited(child).then(async () => {
          throw new Error(
            `expected an answer of ${program}, it ended: ${await lastLines(program)}`,
          );
        });
        const answered = new Promise<Answer>((resolve) => child.once("message", resolve as never));
        return await Promise.race([answered, ended]);
      },
      async until(name, holds) {
        const endMs = systemClock.monotonicMs() + readyTimeoutMs;
        while (!(await holds(await logOf(name)))) {
          if (systemClock.monotonicMs() > endMs) {
            throw new Error(`expected ${name} to come up: ${await lastLines(name)}`);
          }
          await systemClock.sleep(50);
        }
      },
    });
  } finally {
    await end();
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}
