import type { Stats } from "node:fs";
import { lstat, readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { assert, LockstepError } from "../../../errors.ts";
import type { FaultPoints } from "../../../ports/fault-point.ts";
import { asFileTrouble, type Owned, readJsonFile, writeFileAtomic } from "../../../ports/files.ts";

/** A before-image: where a file was, and its copy, or null when there was no file. */
interface Kept {
  readonly path: string;
  readonly copy: string | null;
}

/** The record of one host's work for one upgrade. Each change of it is durable before the next work begins. */
export interface LocalRecord {
  /** The version that this host's files matched before, or `beforeAllVersions`. */
  readonly from: string;
  readonly to: string;
  readonly done: readonly string[];
  /** Attempts are those of one effect: an operator's retry is another one, and counts anew. */
  readonly running: {
    readonly step: string;
    readonly attempt: number;
    readonly effect: string;
    /** Why the step has failed by its time-out, from before its process could answer. */
    readonly timedOut?: string;
  } | null;
  readonly kept: readonly Kept[];
  /** The attempts of the readiness check, where it has begun here. */
  readonly readiness?: {
    readonly attempt: number;
    readonly effect: string;
    /** Why the check has failed by its time-out, from before its process could answer. */
    readonly timedOut?: string;
  };
}

/** The journal of local steps, in the agent's data directory: readable by every version. */
export interface LocalJournal {
  read(upgradeId: string): Promise<LocalRecord | undefined>;
  write(upgradeId: string, record: LocalRecord): Promise<void>;
  /** Saves a before-image once; a path already kept stays as it was first seen. */
  keep(upgradeId: string, record: LocalRecord, path: string): Promise<LocalRecord>;
  /** Puts all before-images back, the last first. */
  putBack(record: LocalRecord): Promise<void>;
  forget(upgradeId: string): Promise<void>;
  /** The version that this host's files match, or undefined where that is not known. */
  stepsVersion(): Promise<string | undefined>;
  /** True where that version was declared, and not reached by local steps. */
  isDeclared(): Promise<boolean>;
  /** @param options.isDeclared default: false */
  setStepsVersion(version: string, options?: { readonly isDeclared: boolean }): Promise<void>;
  /** Makes it unknown again. */
  forgetStepsVersion(): Promise<void>;
}

/** The version from which a host whose files match no known version runs its local steps. No version is lower. */
export const beforeAllVersions = "0.0.0-0";

/**
 * A file can be put back as it was, and so can its absence. A link would be put back as a file, and what it
 * leads to would stay changed.
 * @throws LockstepError `bad-argument`
 */
async function requireFile(path: string): Promise<void> {
  let found: Stats;
  try {
    found = await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw asFileTrouble(path, error);
  }
  if (found.isFile()) return;
  const what = found.isSymbolicLink()
    ? "a symbolic link: keep the file that it leads to"
    : "none: keep the files in it, or undo it in `revert`";
  throw new LockstepError("bad-argument", `expected a file or nothing at ${path}, it is ${what}`);
}

/** Copies a file with its owner and its mode, so that nobody else can read the copy. False where there is no file. */
async function copyDurably(from: string, to: string): Promise<boolean> {
  let found: { readonly content: Uint8Array; readonly owned: Owned };
  try {
    found = { content: await readFile(from), owned: await stat(from) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw asFileTrouble(from, error);
  }
  await writeFileAtomic(to, found.content, found.owned);
  return true;
}

/** The journal on disk, below `<dataDirectory>/local`. */
export function createLocalJournal(dataDirectory: string, faultPoints: FaultPoints): LocalJournal {
  const root = join(resolve(dataDirectory), "local");
  const directoryOf = (upgradeId: string) => {
    assert(/^[a-z0-9-]+$/.test(upgradeId), "an upgrade's id is a safe file name", { upgradeId });
    return join(root, upgradeId);
  };
  const recordPath = (upgradeId: string) => join(directoryOf(upgradeId), "journal.json");
  const versionPath = join(root, "steps-version.json");
  const save = (name: string, path: string, value: unknown) =>
    faultPoints.write(name, () => writeFileAtomic(path, `${JSON.stringify(value)}\n`));
  const journal: LocalJournal = {
    read: (upgradeId) => readJsonFile<LocalRecord>(recordPath(upgradeId)),
    write: (upgradeId, record) => save("local-journal", recordPath(upgradeId), record),
    async keep(upgradeId, record, path) {
      const absolute = resolve(path);
      if (record.kept.some((kept) => kept.path === absolute)) return record;
      await requireFile(absolute);
      const copy = join(directoryOf(upgradeId), "kept", String(record.kept.length));
      const existed = await faultPoints.write("before-image", () => copyDurably(absolute, copy));
      const next = {
        ...record,
        kept: [...record.kept, { path: absolute, copy: existed ? copy : null }],
      };
      await journal.write(upgradeId, next);
      return next;
    },
    async putBack(record) {
      for (const { path, copy } of record.kept.toReversed()) {
        await faultPoints.write("put-back", async () => {
          if (copy === null) await rm(path, { force: true });
          else await copyDurably(copy, path);
        });
      }
    },
    forget: (upgradeId) =>
      faultPoints.write("forget-local", () =>
        rm(directoryOf(upgradeId), { recursive: true, force: true }),
      ),
    async stepsVersion() {
      return (await readJsonFile<{ version: string }>(versionPath))?.version;
    },
    async isDeclared() {
      return (await readJsonFile<{ isDeclared?: boolean }>(versionPath))?.isDeclared === true;
    },
    setStepsVersion: (version, { isDeclared } = { isDeclared: false }) =>
      save("steps-version", versionPath, { version, isDeclared }),
    forgetStepsVersion: () =>
      faultPoints.write("steps-version", () => rm(versionPath, { force: true })),
  };
  return journal;
}
