import { LockstepError } from "../errors.ts";
import { readJsonFile } from "../ports/files.ts";
import { count, fields, list, optional, record, type Shape, text } from "../shape.ts";

/** One version that is installed on this host. */
interface InstalledVersion {
  readonly command: readonly string[];
  readonly readyTimeoutMs?: number;
}

/** The versions that are installed on this host. */
export interface VersionsFile {
  readonly default: string;
  readonly versions: Readonly<Record<string, InstalledVersion>>;
}

/** A program and its words. */
const command: Shape = (value, path) =>
  list(text)(value, path) ??
  ((value as readonly string[])[0] ? null : `${path}: expected a program, found none`);

/** A timer of no length, or of one that is no number, would end each version as it starts. */
const someTime: Shape = (value, path) =>
  count(value, path) ?? (value === 0 ? `${path}: expected 1 or more, found 0` : null);

const fileShape: Shape = fields<VersionsFile>({
  default: text,
  versions: record(fields<InstalledVersion>({ command, readyTimeoutMs: optional(someTime) })),
});

/** @throws LockstepError `bad-argument`, `file-trouble` */
export async function readVersionsFile(path: string): Promise<VersionsFile> {
  const value: unknown = await readJsonFile(path);
  const wrong = fileShape(value, "the file");
  if (wrong === null) return value as VersionsFile;
  throw new LockstepError(
    "bad-argument",
    `expected ${path} to hold {"default": "1.0.0", "versions": {"1.0.0": {"command": ["node", "main.js"]}}}, got ${wrong}`,
  );
}
