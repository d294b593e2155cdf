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

/**
 * The parent of an agent, of no version: starts the version wanted, falls back to the one before
 * when it does not come up. It never needs MongoDB.
 * @returns the exit code
 */
export async function runLauncher(options: {
  dataDirectory: string;
  versionsPath: string;
  /** Holds the database's URL. It is read at each start, since credentials change. */
  mongoUrlPath?: string;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<number> {
  const { dataDirectory, versionsPath, mongoUrlPath, clock, log, signal } = options;
  const pathOf = (name: string) => join(dataDirectory, name);
  const readVersionFile = (name: string) =>
    readJsonFile<{ version: string; because?: CannotStart }>(pathOf(name));
  const readVersion = async (name: string) => (await readVersionFile(name))?.version;

  const nextIncarnation = async (): Promise<number> => {
    const last = await readJsonFile<{ incarnation: number }>(pathOf(launcherFiles.incarnation));
    const incarnation = (last?.incarnation ?? 0) + 1;
    await writeFileAtomic(
      pathOf(launcherFiles.incarnation),
      `${JSON.stringify({ incarnation })}\n`,
    );
    return incarnation;
  };

  let mongoUrl: string | undefined;
  /** An earlier one is better than no agent: the file may be about to be replaced, or have been a pipe. */
  const readMongoUrl = async (): Promise<string | undefined> => {
    if (mongoUrlPath === undefined) return undefined;
    try {
      return await readSecretFile(mongoUrlPath, "the database's URL");
    } catch (error) {
      if (mongoUrl === undefined) throw error;
      log.error({ error: messageOf(error) }, "the database's URL is still the one read before");
      return mongoUrl;
    }
  };

  /** Undefined where the version is not in the versions file (any more). */
  const start = async (state: LauncherState): Promise<Started | undefined> => {
    const file = await readVersionsFile(versionsPath);
    const { command = [], readyTimeoutMs = limits.launcherReadyTimeoutMs } =
      file.versions[state.version] ?? {};
    const [program, ...words] = command;
    if (program === undefined) {
      const found = Object.keys(file.versions);
      log.error({ expected: state.version, versionsPath, found }, "not in the versions file");
      return undefined;
    }
    mongoUrl = await readMongoUrl();
    const incarnation = await nextIncarnation();
    log.info({ starts: state.version, incarnation }, "starting");
    const child = startProcess(program, words, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: {
        ...process.env,
        // Only this user and root can read the environment of a process, everybody its command line.
        ...(mongoUrl === undefined ? {} : { LOCKSTEP_MONGO_URL: mongoUrl }),
        LOCKSTEP_DATA_DIRECTORY: dataDirectory,
        LOCKSTEP_VERSION: state.version,
        LOCKSTEP_STARTABLE_VERSIONS: JSON.stringify(Object.keys(file.versions)),
        LOCKSTEP_INCARNATION: String(incarnation),
        LOCKSTEP_CANNOT_START: state.cannotStart ? JSON.stringify(state.cannotStart) : "",
      },
    });
    return { child, readyTimeoutMs };
  };

  /** SIGTERM, and SIGKILL for one that does not go. */
  const end = async (child: ChildProcess): Promise<void> => {
    child.kill("SIGTERM");
    const gone = new AbortController();
    const exit = exited(child).then(() => gone.abort());
    await clock.sleep(limits.launcherStopGraceMs, gone.signal);
    if (!gone.signal.aborted) child.kill("SIGKILL");
    await exit;
  };

  /** Watches one child until it has ended; tells when it is ready. */
  const watch = async (
    { child, readyTimeoutMs }: Started,
    state: LauncherState,
  ): Promise<LauncherEvent> => {
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
    // Listened to before anything is waited for: a program that is not there is told at once.
    const exit = exited(child).finally(() => settled.abort());
    const stop = () => void end(child);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    void (async () => {
      do {
        // Without a database no version comes up: from then on it has its time again.
        isAway = false;
        await clock.sleep(readyTimeoutMs, settled.signal);
      } while (isAway && !settled.signal.aborted);
      if (settled.signal.aborted) return;
      timedOut = true;
      await end(child);
    })();
    const { code, signal: by } = await exit;
    signal.removeEventListener("abort", stop);
    if (timedOut) return { type: "timed-out" };
    if (readyAtMs !== null) ready = true;
    const livedMs = readyAtMs === null ? 0 : clock.monotonicMs() - readyAtMs;
    const isSettled = livedMs >= limits.launcherSettledMs;
    const asked = await readVersionFile(launcherFiles.wanted);
    const wanted = asked?.version ?? state.version;
    const because = asked?.because ?? null;
    return { type: "ended", code, signal: by, wanted, because, isSettled, isAway };
  };

  let ready = false;
  const fallback =
    (await readVersion(launcherFiles.default)) ?? (await readVersionsFile(versionsPath)).default;
  const first = (await readVersion(launcherFiles.wanted)) ?? fallback;
  let state: LauncherState = {
    version: first,
    previous: fallback,
    failures: 0,
    aways: 0,
    ready: false,
    cannotStart: null,
  };
  for (let starts = 0; starts < limits.incarnationsMax && !signal.aborted; starts += 1) {
    ready = false;
    const started = await start(state).catch((error: unknown) => {
      if (!isFileTrouble(error)) throw error;
      log.error({ ...error.details, error: error.message }, "nothing can be started yet");
      return null;
    });
    if (started === null) {
      await clock.sleep(limits.launcherFileRetryMs, signal);
      continue;
    }
    const event: LauncherEvent = started ? await watch(started, state) : { type: "not-installed" };
    if (signal.aborted) break;
    if (ready) state = decide(state, { type: "ready" }).state;
    state = afterKeeping(state, await readVersion(launcherFiles.default));
    const decision = decide(state, event);
    log.info({ event, next: decision.action, version: decision.state.version }, "child ended");
    state = decision.state;
    if (decision.action.kind === "exit") return decision.action.code;
    if (decision.action.kind === "start") await clock.sleep(decision.action.delayMs, signal);
  }
  return 0;
}
