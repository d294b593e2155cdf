import { join } from "node:path";
import type { FaultPoints } from "../ports/fault-point.ts";
import { writeFileAtomic } from "../ports/files.ts";

/** The exit code of an agent that wants its launcher to start another version. */
export const exitForVersionChange = 75;

/** The exit code of an agent in which something does not stop when it is told to. */
export const exitForStuckEffect = 70;

/** Names of the launcher's files in an agent's data directory. */
export const launcherFiles = {
  wanted: "wanted-version",
  default: "default-version",
  incarnation: "incarnation",
} as const;

/** Why the version wanted is not the one that runs. */
export interface CannotStart {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The values that a launcher hands to the agent that it starts. */
export interface LauncherEnvironment {
  readonly dataDirectory: string;
  readonly version: string;
  readonly startableVersions: readonly string[];
  readonly incarnation: number;
  readonly cannotStart?: CannotStart;
}

/** What the launcher of this process says, or undefined where there is none. */
export function readLauncherEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): LauncherEnvironment | undefined {
  const dataDirectory = environment["LOCKSTEP_DATA_DIRECTORY"];
  const version = environment["LOCKSTEP_VERSION"];
  const startable = environment["LOCKSTEP_STARTABLE_VERSIONS"];
  if (!dataDirectory || !version || !startable) return undefined;
  const cannotStart = environment["LOCKSTEP_CANNOT_START"];
  return {
    dataDirectory,
    version,
    startableVersions: JSON.parse(startable) as string[],
    incarnation: Number(environment["LOCKSTEP_INCARNATION"] ?? 1),
    ...(cannotStart ? { cannotStart: JSON.parse(cannotStart) as CannotStart } : {}),
  };
}

/** Tells the launcher, if there is one, that this version is up. */
export function reportReady(version: string): void {
  process.send?.({ type: "ready", version });
}

/** Tells the launcher, if there is one, that the database could not be reached: that is not this version's fault. */
export function reportDatabaseAway(): void {
  process.send?.({ type: "database-away" });
}

/** The versions that an agent writes down for its launcher. */
export interface LauncherVersions {
  /** The version that the launcher shall start next, and why this build hands over to it, where it does. */
  writeWanted(version: string, because?: CannotStart): Promise<void>;
  /** The version that the launcher falls back to: changed when an upgrade has ended, never before. */
  writeDefault(version: string): Promise<void>;
}

export function createLauncherVersions(
  directory: string,
  faultPoints: FaultPoints,
): LauncherVersions {
  const write = (name: string, version: string, because?: CannotStart) =>
    faultPoints.write(name, () =>
      writeFileAtomic(join(directory, name), `${JSON.stringify({ version, because })}\n`),
    );
  return {
    writeWanted: (version, because) => write(launcherFiles.wanted, version, because),
    writeDefault: (version) => write(launcherFiles.default, version),
  };
}
