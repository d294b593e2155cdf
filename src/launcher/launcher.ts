import { join } from "node:path";
import { isFileTrouble, messageOf, type Reason } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { readJsonFile, writeFileAtomic } from "../ports/files.ts";
import { lockFolder } from "../ports/folder-lock.ts";
import { type ChildProcess, identityOf, startProcess } from "../ports/process.ts";
import { readSecretFile } from "../ports/secret-file.ts";
import type { WakeUp } from "../ports/waiting/wake-up.ts";
import { launcherFiles } from "./agent-side.ts";
import { afterKeeping, decide, type LauncherEvent, type LauncherState } from "./decide.ts";
import { describeVariable } from "./describe-mode.ts";
import { tellVersions } from "./tell-versions.ts";
import { readVersionsFile, type VersionsFile } from "./versions-file.ts";
import { ChildWatch } from "./watch-child.ts";

interface Started {
  readonly child: ChildProcess;
  readonly readyTimeoutMs: number;
  readonly versions: readonly string[];
}

interface Watched {
  readonly event: LauncherEvent;
  readonly wasReady: boolean;
}

interface VersionFile {
  readonly version: string;
  readonly because?: Reason;
}

export interface LauncherOptions {
  readonly dataDirectory: string;
  readonly versionsPath: string;
  /** The file with the database's URL. It is read at each start, since credentials change. */
  readonly mongoUrlPath?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Wakes the launcher when its versions file is to be read at once. */
  readonly versionsWakeUp: WakeUp;
}

/**
 * The parent of an agent. It belongs to no version: it starts the wanted version, and falls back to the earlier one
 * when that does not come up. It never needs MongoDB.
 * @returns the exit code
 * @throws LockstepError `directory-taken`, `bad-argument`
 */
export async function runLauncher(options: LauncherOptions): Promise<number> {
  const lock = await lockFolder(options.dataDirectory);
  if (!lock.isHeld) {
    options.log.warn(
      {},
      "no program `flock`: nothing keeps a second launcher from this data directory",
    );
  }
  try {
    return await new Launcher(options).run();
  } finally {
    await lock.release();
  }
}

class Launcher {
  readonly #options: LauncherOptions;
  /** It carries the agent's name, once a child has reported that. */
  #log: Log;
  /** The URL of the last child. */
  #mongoUrl: string | undefined;
  /** The last versions file that could be read. */
  #versionsFile: VersionsFile | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  async run(): Promise<number> {
    const { clock, signal } = this.#options;
    const known = await readJsonFile<{ agent: string }>(this.#pathOf(launcherFiles.agent));
    if (known) this.#know(known.agent);
    let state = await this.#firstState();
    for (let starts = 0; starts < limits.incarnationsMax && !signal.aborted; starts += 1) {
      const started = await this.#start(state).catch((error: unknown) => {
        if (!isFileTrouble(error)) throw error;
        this.#log.error(
          { details: error.details, error: error.message },
          "no version can be started yet",
        );
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
      this.#log.info(
        { end: event, next: decision.action, version: decision.state.version },
        "child ended",
      );
      state = decision.state;
      if (decision.action.kind === "exit") return decision.action.code;
      if (decision.action.kind === "start") await clock.sleep(decision.action.delayMs, signal);
    }
    return 0;
  }

  #know(agent: string): void {
    this.#log = this.#options.log.child({ agent });
  }

  /** Keeps the name for the next launcher, too. */
  #hear(agent: string): void {
    this.#know(agent);
    const path = this.#pathOf(launcherFiles.agent);
    void writeFileAtomic(path, `${JSON.stringify({ agent })}\n`).catch((error: unknown) => {
      this.#log.warn({ error: messageOf(error) }, "the agent's name could not be kept");
    });
  }

  async #firstState(): Promise<LauncherState> {
    const kept = await this.#readVersion(launcherFiles.default);
    const previous = kept?.version ?? (await this.#readVersionsFile()).default;
    const wanted = await this.#readVersion(launcherFiles.wanted);
    return {
      ...{ version: wanted?.version ?? previous, previous, cannotStart: null, safeMode: null },
      ...{ failures: 0, awayEnds: 0, ready: false },
    };
  }

  /** @returns undefined where the versions file has no such version */
  async #start(state: LauncherState): Promise<Started | undefined> {
    const { dataDirectory, versionsPath } = this.#options;
    const file = await this.#lastVersionsFile();
    const { command = [], readyTimeoutMs = limits.launcherReadyTimeoutMs } =
      file.versions[state.version] ?? {};
    const [program, ...words] = command;
    const versions = Object.keys(file.versions);
    if (program === undefined) {
      this.#log.error(
        { expected: state.version, versionsPath, found: versions },
        "not in the versions file",
      );
      return undefined;
    }
    this.#mongoUrl = await this.#readMongoUrl();
    const incarnation = await this.#nextIncarnation();
    const launcher = await identityOf(process.pid);
    this.#log.info({ version: state.version, incarnation }, "starting");
    const child = startProcess(program, words, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: {
        ...process.env,
        // Only this user and root can read the environment of a process. Every user can read its command line.
        ...(this.#mongoUrl === undefined ? {} : { LOCKSTEP_MONGO_URL: this.#mongoUrl }),
        // This child is an agent, whatever the environment of the launcher holds.
        [describeVariable]: "",
        LOCKSTEP_DATA_DIRECTORY: dataDirectory,
        LOCKSTEP_VERSION: state.version,
        LOCKSTEP_STARTABLE_VERSIONS: JSON.stringify(versions),
        LOCKSTEP_INCARNATION: String(incarnation),
        LOCKSTEP_LAUNCHER: launcher ? JSON.stringify(launcher) : "",
        LOCKSTEP_SAFE_MODE: state.safeMode ? JSON.stringify(state.safeMode) : "",
        LOCKSTEP_CANNOT_START: state.cannotStart ? JSON.stringify(state.cannotStart) : "",
      },
    });
    return { child, readyTimeoutMs, versions };
  }

  /** Watches one child until it has ended. */
  async #watch(started: Started, state: LauncherState): Promise<Watched> {
    const { child, readyTimeoutMs, versions } = started;
    const { clock, signal, versionsWakeUp: wakeUp } = this.#options;
    const ended = new AbortController();
    const log = () => this.#log;
    const read = () => this.#readVersionsFile();
    void tellVersions({ child, read, versions, wakeUp, log, signal: ended.signal });
    const watch = new ChildWatch(child, clock, (agent) => this.#hear(agent));
    const { isTimedOut, wasReady, ...end } = await watch.untilEnded(readyTimeoutMs, signal);
    ended.abort();
    if (isTimedOut) return { event: { type: "timed-out" }, wasReady: false };
    const asked = await this.#readVersion(launcherFiles.wanted);
    const wanted = asked?.version ?? state.version;
    return { event: { type: "ended", ...end, wanted, because: asked?.because ?? null }, wasReady };
  }

  async #readVersionsFile(): Promise<VersionsFile> {
    this.#versionsFile = await readVersionsFile(this.#options.versionsPath);
    return this.#versionsFile;
  }

  /** The earlier list is better than no agent: the file may be in replacement, or have a typing error. */
  async #lastVersionsFile(): Promise<VersionsFile> {
    try {
      return await this.#readVersionsFile();
    } catch (error) {
      if (this.#versionsFile === undefined) throw error;
      this.#log.error(
        { error: messageOf(error) },
        "the versions file could not be read, so the earlier one is used",
      );
      return this.#versionsFile;
    }
  }

  /** The earlier URL is better than no agent: the file may be in replacement, or have been a pipe. */
  async #readMongoUrl(): Promise<string | undefined> {
    const { mongoUrlPath } = this.#options;
    if (mongoUrlPath === undefined) return undefined;
    try {
      return await readSecretFile(mongoUrlPath, "the database's URL");
    } catch (error) {
      if (this.#mongoUrl === undefined) throw error;
      this.#log.error(
        { error: messageOf(error) },
        "the database's URL could not be read, so the earlier one is used",
      );
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
