import { join } from "node:path";
import { LockstepError, type Reason } from "../errors.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import { readJsonFile, writeFileAtomic } from "../ports/files.ts";
import type { ProcessIdentity } from "../ports/process.ts";
import type { Standing } from "../ports/standing.ts";

/** The exit code of an agent that wants its launcher to start another version. */
export const exitForVersionChange = 75;

/** The exit code of an agent with an effect that ignores its signal. */
export const exitForStuckEffect = 70;

/** The exit code of an agent whose application has not drained in time. */
export const exitForUndrained = 71;

/** Names of the launcher's files in an agent's data directory. */
export const launcherFiles = {
  wanted: "wanted-version",
  default: "default-version",
  incarnation: "incarnation",
  agent: "agent",
} as const;

/** The values that a launcher hands to the agent that it starts. */
export interface LauncherEnvironment {
  readonly dataDirectory: string;
  readonly version: string;
  readonly startableVersions: readonly string[];
  readonly incarnation: number;
  /** The process of the launcher, where the system tells when that started. */
  readonly launcher?: ProcessIdentity;
  /** Why the wanted version does not run. */
  readonly cannotStart?: Reason;
  /** Why the application must not begin by itself. */
  readonly safeMode?: Reason;
}

/** The values from this process's launcher, or undefined where there is none. */
export function readLauncherEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): LauncherEnvironment | undefined {
  const dataDirectory = environment["LOCKSTEP_DATA_DIRECTORY"];
  const version = environment["LOCKSTEP_VERSION"];
  const startable = environment["LOCKSTEP_STARTABLE_VERSIONS"];
  if (!dataDirectory || !version || !startable) return undefined;
  const cannotStart = environment["LOCKSTEP_CANNOT_START"];
  const safeMode = environment["LOCKSTEP_SAFE_MODE"];
  const launcher = environment["LOCKSTEP_LAUNCHER"];
  return {
    dataDirectory,
    version,
    startableVersions: JSON.parse(startable) as string[],
    incarnation: Number(environment["LOCKSTEP_INCARNATION"] ?? 1),
    ...(launcher ? { launcher: JSON.parse(launcher) as ProcessIdentity } : {}),
    ...(cannotStart ? { cannotStart: JSON.parse(cannotStart) as Reason } : {}),
    ...(safeMode ? { safeMode: JSON.parse(safeMode) as Reason } : {}),
  };
}

/**
 * Refuses to be the agent of a launcher that would never hear of it: after a minute that launcher would give this version
 * up, and go on with another one beside this process. Pure.
 * @throws LockstepError `bad-argument`
 */
export function requireHearing({ isMainThread, isClusterWorker, hasChannel }: Standing): void {
  const refuse = (expected: string, found: string, next: string) => {
    throw new LockstepError("bad-argument", `expected ${expected}, found ${found}: ${next}`);
  };
  const started = "an agent in the process that its launcher has started";
  if (!isMainThread) refuse(started, "a worker thread", "call createAgent in the main thread");
  if (isClusterWorker) {
    const next = "call createAgent in the primary, and start and end the workers in its gate";
    refuse(started, "a worker of node:cluster", next);
  }
  if (hasChannel) return;
  const next =
    'let the versions file start node itself, as ["node", "main.js"]: npm, npx, pnpm, yarn and sudo, for example, do not pass the channel on';
  refuse("a channel to the launcher of this process", "none", next);
}

/**
 * Sends a message to the launcher, if there is one. Resolves once the message is on its way, or cannot be: a launcher
 * may have ended before its agent, which still ends in good order.
 */
function report(message: Readonly<Record<string, unknown>>): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, undefined, {}, () => resolve());
  });
}

/**
 * Calls the listener when the launcher, if there is one, can start other versions than before.
 * @returns how to stop that
 */
export function onStartableVersions(listener: (versions: readonly string[]) => void): () => void {
  const hear = (message: unknown) => {
    const { type, versions } = (message ?? {}) as { type?: unknown; versions?: unknown };
    const isList = Array.isArray(versions) && versions.every((one) => typeof one === "string");
    if (type === "startable" && isList) listener(versions as readonly string[]);
  };
  process.on("message", hear);
  return () => void process.off("message", hear);
}

/** Tells the launcher that this version is up. */
export function reportReady(version: string): void {
  void report({ type: "ready", version });
}

/** Tells the launcher how an opening goes: a version that ends as it opens is not one that has settled. */
export function reportOpening(state: "begun" | "done" | "failed"): Promise<void> {
  return report({ type: "opening", state });
}

/** Tells the launcher the name of this agent, for its log, and the process that it is. */
export function reportAgent(agent: string): void {
  void report({ type: "agent", agent, pid: process.pid });
}

/** Tells the launcher that this process waits for the database, an operator or another agent: its version is not to blame. */
export function reportWaiting(): void {
  void report({ type: "waiting" });
}

/**
 * Tells the launcher that the application drains, and for how long it may. The launcher ends a process that stays longer.
 * Await it: the application may block this process from then on.
 */
export function reportDraining(limitMs: number): Promise<void> {
  return report({ type: "draining", limitMs });
}

/** Tells the launcher that the application has drained. */
export function reportDrained(): void {
  void report({ type: "drained" });
}

/** The versions that an agent writes down for its launcher. */
export interface LauncherVersions {
  /** Sets the version that the launcher starts next, and the reason where this build hands over to it. */
  writeWanted(version: string, because?: Reason): Promise<void>;
  /**
   * Sets the version to which the launcher falls back: one that stays, since an upgrade has ended, or since the fleet
   * is at rest on it. It is written only where it is not there yet.
   */
  writeDefault(version: string): Promise<void>;
}

export function createLauncherVersions(
  directory: string,
  faultPoints: FaultPoints,
): LauncherVersions {
  // One after the other: the end of an upgrade and an opening gate write the same file at the same time.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const done = last.then(act);
    last = done.catch(() => {});
    return done;
  };
  const write = (name: string, version: string, because?: Reason) =>
    faultPoints.write(name, () =>
      writeFileAtomic(join(directory, name), `${JSON.stringify({ version, because })}\n`),
    );
  return {
    writeWanted: (version, because) => inTurn(() => write(launcherFiles.wanted, version, because)),
    writeDefault: (version) =>
      inTurn(async () => {
        const path = join(directory, launcherFiles.default);
        const kept = await readJsonFile<{ version?: unknown }>(path).catch(() => undefined);
        if (kept?.version !== version) await write(launcherFiles.default, version);
      }),
  };
}
