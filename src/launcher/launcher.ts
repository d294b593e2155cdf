import { join } from "node:path";
import { isFileTrouble, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { readJsonFile, writeFileAtomic } from "../ports/files.ts";
import { type ChildProcess, exited, startProcess } from "../ports/process.ts";
import { readSecretFile } from "../ports/secret-file.ts";
import { type CannotStart, launcherFiles } from "./agent-side.ts";
import { afterKeeping, decide, type LauncherEvent, type LauncherState } from "./decide.ts";
import { readVersionsFile } from "./versions-file.ts";

interface Started {
  readonly child: ChildProcess;
  readonly readyTimeoutMs: number;
}

interface Watched {
  readonly event: LauncherEvent;
  readonly wasReady: boolean;
}

interface VersionFile {
  readonly version: string;
  readonly because?: CannotStart;
}

export interface LauncherOptions {
  readonly dataDirectory: string;
  readonly versionsPath: string;
  /** Holds the database's URL. It is read at each start, since credentials change. */
  readonly mongoUrlPath?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * The parent of an agent, of no version: starts the version wanted, falls back to the one before
 * when it does not come up. It never needs MongoDB.
 * @returns the exit code
 */
export function runLauncher(options: LauncherOptions): Promise<number> {
  return new Launcher(options).run();
}

class Launcher {
  readonly #options: LauncherOptions;
  /** The URL that the last child got. */
  #mongoUrl: string | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  async run(): Promise<number> {
    const { clock, log, signal } = this.#options;
    let state = await this.#firstState();
    for (let starts = 0; starts < limits.incarnationsMax && !signal.aborted; starts += 1) {
      const started = await this.#start(state).catch((error: unknown) => {
        if (!isFileTrouble(error)) throw error;
        log.error({ ...error.details, error: error.message }, "nothing can be started yet");
        return null;
      });
      if (started === null) {
        await clock.sleep(limits.launcherFileRetryMs, signal);
        continue;
      }
      const { event, wasReady }: Watched = started
        ? await this.#watch(started, state)
        : { event: { type: "not-installed" }, wasReady: false };
      if (signal.aborted) break;
      if (wasReady) state = decide(state, { type: "ready" }).state;
      state = afterKeeping(state, (await this.#readVersion(launcherFiles.default))?.version);
      const decision = decide(state, event);
      log.info({ event, next: decision.action, version: decision.state.version }, "child ended");
      state = decision.state;
      if (decision.action.kind === "exit") return decision.action.code;
      if (decision.action.kind === "start") await clock.sleep(decision.action.delayMs, signal);
    }
    return 0;
  }

  async #firstState(): Promise<LauncherState> {
    const kept = await this.#readVersion(launcherFiles.default);
    const previous = kept?.version ?? (await readVersionsFile(this.#options.versionsPath)).default;
    const wanted = await this.#readVersion(launcherFiles.wanted);
    return {
      ...{ version: wanted?.version ?? previous, previous, cannotStart: null },
      ...{ failures: 0, aways: 0, ready: false },
    };
  }

  /** @returns undefined where the version is not in the versions file (any more) */
  async #start(state: LauncherState): Promise<Started | undefined> {
    const { dataDirectory, versionsPath, log } = this.#options;
    const file = await readVersionsFile(versionsPath);
    const { command = [], readyTimeoutMs = limits.launcherReadyTimeoutMs } =
      file.versions[state.version] ?? {};
    const [program, ...words] = command;
    if (program === undefined) {
      const found = Object.keys(file.versions);
      log.error({ expected: state.version, versionsPath, found }, "not in the versions file");
      return undefined;
    }
    this.#mongoUrl = await this.#readMongoUrl();
    const incarnation = await this.#nextIncarnation();
    log.info({ starts: state.version, incarnation }, "starting");
    const child = startProcess(program, words, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: {
        ...process.env,
        // Only this user and root can read the environment of a process. Every user can read its command line.
        ...(this.#mongoUrl === undefined ? {} : { LOCKSTEP_MONGO_URL: this.#mongoUrl }),
        LOCKSTEP_DATA_DIRECTORY: dataDirectory,
        LOCKSTEP_VERSION: state.version,
        LOCKSTEP_STARTABLE_VERSIONS: JSON.stringify(Object.keys(file.versions)),
        LOCKSTEP_INCARNATION: String(incarnation),
        LOCKSTEP_CANNOT_START: state.cannotStart ? JSON.stringify(state.cannotStart) : "",
      },
    });
    return { child, readyTimeoutMs };
  }

  /** Watches one child until it has ended. */
  async #watch({ child, readyTimeoutMs }: Started, state: LauncherState): Promise<Watched> {
    const { clock, signal } = this.#options;
    const settled = new AbortController();
    let timedOut = false;
    let readyAtMs: number | null = null;
    let isAway = false;
    child.on("message", ({ type }: { type?: string }) => {
      if (type === "database-away") isAway = true;
      if (type !== "ready") return;
      [readyAtMs, isAway] = [clock.monotonicMs(), false];
      settled.abort();
    });
    // The listener is there before anything is waited for, since a program that is missing ends at once.
    const exit = exited(child).finally(() => settled.abort());
    const stop = () => void this.#end(child);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    void (async () => {
      do {
        // Without a database no version comes up: once the database is back, the child has its time again.
        isAway = false;
        await clock.sleep(readyTimeoutMs, settled.signal);
      } while (isAway && !settled.signal.aborted);
      if (settled.signal.aborted) return;
      timedOut = true;
      await this.#end(child);
    })();
    const { code, signal: by } = await exit;
    signal.removeEventListener("abort", stop);
    if (timedOut) return { event: { type: "timed-out" }, wasReady: false };
    const livedMs = readyAtMs === null ? 0 : clock.monotonicMs() - readyAtMs;
    const isSettled = livedMs >= limits.launcherSettledMs;
    const asked = await this.#readVersion(launcherFiles.wanted);
    const wanted = asked?.version ?? state.version;
    const because = asked?.because ?? null;
    return {
      event: { type: "ended", code, signal: by, wanted, because, isSettled, isAway },
      wasReady: readyAtMs !== null,
    };
  }

  /** SIGTERM, and SIGKILL for a child that does not end within its grace. */
  async #end(child: ChildProcess): Promise<void> {
    child.kill("SIGTERM");
    const gone = new AbortController();
    const exit = exited(child).then(() => gone.abort());
    await this.#options.clock.sleep(limits.launcherStopGraceMs, gone.signal);
    if (!gone.signal.aborted) child.kill("SIGKILL");
    await exit;
  }

  /** The URL of before is better than no agent: the file may be about to be replaced, or have been a pipe. */
  async #readMongoUrl(): Promise<string | undefined> {
    const { mongoUrlPath, log } = this.#options;
    if (mongoUrlPath === undefined) return undefined;
    try {
      return await readSecretFile(mongoUrlPath, "the database's URL");
    } catch (error) {
      if (this.#mongoUrl === undefined) throw error;
      log.error({ error: messageOf(error) }, "the database's URL is still the one read before");
      return this.#mongoUrl;
    }
  }

  async #nextIncarnation(): Promise<number> {
    const path = this.#pathOf(launcherFiles.incarnation);
    const last = await readJsonFile<{ incarnation: number }>(path);
    const incarnation = (last?.incarnation ?? 0) + 1;
    await writeFileAtomic(path, `${JSON.stringify({ incarnation })}\n`);
    return incarnation;
  }

  #readVersion(name: string): Promise<VersionFile | undefined> {
    return readJsonFile<VersionFile>(this.#pathOf(name));
  }

  #pathOf(name: string): string {
    return join(this.#options.dataDirectory, name);
  }
}
