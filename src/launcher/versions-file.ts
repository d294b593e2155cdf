import { LockstepError } from "../errors.ts";
import { readJsonFile } from "../ports/files.ts";

/** The versions that are installed on this host. */
export interface VersionsFile {
  readonly default: string;
  readonly versions: Readonly<
    Record<string, { readonly command: readonly string[]; readonly readyTimeoutMs?: number }>
  >;
}

function isVersionsFile(value: unknown): value is VersionsFile {
  const file = value as Partial<VersionsFile> | undefined;
  if (typeof file?.default !== "string" || typeof file.versions !== "object") return false;
  return Object.values(file.versions).every(
    ({ command }) =>
      Array.isArray(command) &&
      command.length > 0 &&
      command.every((word) => typeof word === "string"),
  );
}

/** @throws LockstepError `bad-argument` */
export async function readVersionsFile(path: string): Promise<VersionsFile> {
  const value: unknown = await readJsonFile(path);
  if (!isVersionsFile(value)) {
    throw new LockstepError(
      "bad-argument",
      `expected ${path} to hold {"default": "1.0.0", "versions": {"1.0.0": {"command": ["node", "main.js"]}}}`,
    );
  }
  return value;
}
