import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { MongoClient, MongoServerError } from "mongodb";
import { isLockstepError, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { systemClock } from "../ports/clock.ts";
import { type ChildProcess, exited, signalProcess, startProcess } from "../ports/process.ts";
import type { Guard } from "./guard.ts";
import { portTaken } from "./port-taken.ts";

/** One mongod on this machine, under our control by its process id. */
export interface Member {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  readonly directUrl: string;
  readonly pid: number;
  readonly alive: boolean;
  /** The last lines of its log. */
  lastLines(): Promise<string>;
  /** Resolves once its present process has ended. */
  ended(): Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Shuts it down in good order, and kills it where it stays. */
  end(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Starts it again on its own data. */
  restart(): Promise<void>;
}

/** The place where a process runs: on this machine's loopback, or in a network of its own. */
export interface Place {
  readonly address: string;
  /** The words before a command that make it run there: `ip netns exec NAME`. */
  readonly enter: readonly string[];
}

export const loopback: Place = { address: "127.0.0.1", enter: [] };

/** A free port of the loopback. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

interface MemberOptions {
  name: string;
  mongodPath: string;
  directory: string;
  guard: Guard;
  arguments: readonly string[];
  urlOptions: string;
  place: Place;
  /** Default: a free one. */
  port?: number | undefined;
  /** Ends the start. */
  signal?: AbortSignal | undefined;
}

/** The words of a mongod's command line. Pure. */
function wordsOf(
  options: MemberOptions,
  files: { readonly port: number; readonly dataDirectory: string; readonly logPath: string },
): readonly string[] {
  return [
    ...[
      "--port",
      String(files.port),
      "--bind_ip",
      options.place.address,
      "--dbpath",
      files.dataDirectory,
    ],
    ...["--logpath", files.logPath, "--logappend", "--wiredTigerCacheSizeGB", "0.5"],
    // mongod would sample itself each second. Nobody reads those samples here, and they cost CPU.
    ...["--setParameter", "diagnosticDataCollectionEnabled=false"],
    // A shutdown in good order would wait 15 seconds for clients.
    ...["--setParameter", `shutdownTimeoutMillisForSignaledShutdown=${limits.mongodQuiesceMs}`],
    ...["--nounixsocket", "--quiet", ...options.arguments],
  ];
}

/**
 * True where this answer comes from the member with that data, and not from another program that took its port in the
 * meantime. A member with users tells nobody before a login.
 */
async function isOwnAnswer(probe: MongoClient, dataDirectory: string): Promise<boolean> {
  try {
    const { parsed } = await probe.db("admin").command({ getCmdLineOpts: 1 });
    return parsed?.storage?.dbPath === dataDirectory;
  } catch (error) {
    if (error instanceof MongoServerError && error.codeName === "Unauthorized") return true;
    throw error;
  }
}

/** Waits until a member answers. False where its process has ended, or has not answered in time. */
async function hasComeUp(
  directUrl: string,
  member: {
    readonly port: number;
    readonly dataDirectory: string;
    readonly signal: AbortSignal | undefined;
    alive(): boolean;
  },
): Promise<boolean> {
  const end = systemClock.monotonicMs() + limits.mongodStartTimeoutMs;
  while (systemClock.monotonicMs() < end && member.alive()) {
    member.signal?.throwIfAborted();
    const probe = new MongoClient(directUrl, { serverSelectionTimeoutMS: 500 });
    try {
      await probe.db("admin").command({ hello: 1 });
      if (await isOwnAnswer(probe, member.dataDirectory)) return true;
      throw portTaken(member.port);
    } catch (error) {
      if (isLockstepError(error, "port-taken")) throw error;
      await systemClock.sleep(50);
    } finally {
      await probe.close();
    }
  }
  return false;
}

/**
 * Starts one mongod and waits until it answers.
 * @throws LockstepError `mongod-does-not-run`, `port-taken`
 */
export async function startMember(options: MemberOptions): Promise<Member> {
  const { name, guard, signal } = options;
  const { address, enter } = options.place;
  const [program = "", ...words] = [...enter, options.mongodPath];
  const port = options.port ?? (await freePort());
  const dataDirectory = join(options.directory, name);
  const logPath = join(options.directory, `${name}.log`);
  await mkdir(dataDirectory, { recursive: true });
  const host = `${address}:${port}`;
  const directUrl = `mongodb://${host}/?directConnection=true${options.urlOptions}`;
  let child: ChildProcess | undefined;
  const pid = () => child?.pid ?? 0;
  const alive = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const lastLines = async () => {
    const lines = await readFile(logPath, "utf8").catch(() => "");
    return lines.trim().split("\n").slice(-limits.mongodLogLinesShown).join("\n");
  };

  const start = async () => {
    const own = wordsOf(options, { port, dataDirectory, logPath });
    const started = startProcess(program, [...words, ...own], { stdio: "ignore", detached: true });
    child = started;
    if (started.pid !== undefined) guard.add(started.pid);
    started.once("exit", () => started.pid !== undefined && guard.remove(started.pid));
    if (await hasComeUp(directUrl, { port, dataDirectory, signal, alive })) return;
    throw new LockstepError(
      "mongod-does-not-run",
      `mongod "${name}" did not come up: ${await lastLines()}`,
    );
  };

  await start();
  return {
    name,
    port,
    host,
    directUrl,
    get pid() {
      return pid();
    },
    get alive() {
      return alive();
    },
    lastLines,
    ended: () => (child ? exited(child) : Promise.resolve({ code: null, signal: null })),
    async end() {
      if (!child || !alive()) return;
      const gone = new AbortController();
      const end = exited(child).finally(() => gone.abort());
      signalProcess(pid(), "SIGTERM");
      await systemClock.sleep(limits.mongodStopGraceMs, gone.signal);
      if (alive()) signalProcess(pid(), "SIGKILL");
      await end;
    },
    async kill() {
      if (!child || !alive()) return;
      signalProcess(pid(), "SIGKILL");
      await exited(child);
    },
    pause() {
      signalProcess(pid(), "SIGSTOP");
    },
    resume() {
      signalProcess(pid(), "SIGCONT");
    },
    async restart() {
      if (!alive()) await start();
    },
  };
}
