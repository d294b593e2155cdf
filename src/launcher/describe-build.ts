import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLockstepError, LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { readTextFile } from "../ports/files.ts";
import { blockLocks } from "../ports/folder-lock.ts";
import { type RanApart, runApart } from "../ports/process.ts";
import { describeEnvironment } from "./describe-mode.ts";
import { readVersionsFile } from "./versions-file.ts";

/** The build that is to be described, and its place in the versions file of a launcher. */
export interface DescribeOptions {
  readonly versionsPath: string;
  readonly version: string;
  /** The fleet's version, from which the steps lead to the build's. */
  readonly from: string;
  /** Ends the description, and the build with it. */
  readonly signal: AbortSignal;
  /** The time that the build may take, in milliseconds. Default: 30,000. */
  readonly limitMs?: number;
}

/** The line of an output that says most: that of the last error, or else the last one. Pure. */
export function lastWords(output: string): string {
  const lines = output.split("\n").map((line) => line.trim());
  const said = lines.filter((line) => line !== "" && !/^(at |Node\.js v|\^)/.test(line));
  const words = said.findLast((line) => /^[\w.]*(Error|Exception)\b/.test(line)) ?? said.at(-1);
  return words?.slice(0, limits.shownReasonLengthMax) ?? "";
}

/** The end of a build that has not described itself, in words. Pure. */
function endInWords({ code, signal, isLate, refusal, output }: RanApart, limitMs: number): string {
  if (refusal !== null) return `the system could not start it (${refusal})`;
  const words = lastWords(output);
  const last = words === "" ? "it printed nothing" : `its last words: ${words}`;
  if (isLate) return `it had not done so after ${limitMs / 1_000} s, and was ended; ${last}`;
  return `it ended with ${signal ?? `code ${code}`}; ${last}`;
}

const remedy =
  "mend the build, which has to call `createAgent` before it connects to anything; or name the module of its steps with --steps";

/** The text that the build has written, or null where there is none. */
async function readDescription(path: string): Promise<string | null> {
  try {
    return await readTextFile(path, limits.descriptionBytesMax);
  } catch (error) {
    if (isLockstepError(error) && error.details["errno"] === "ENOENT") return null;
    throw error;
  }
}

/** The command of a version. @throws LockstepError `bad-argument`, `cannot-describe` */
async function commandOf({ versionsPath, version }: DescribeOptions) {
  const { versions } = await readVersionsFile(versionsPath);
  const [program, ...words] = versions[version]?.command ?? [];
  if (program !== undefined) return { program, words };
  const listed = Object.keys(versions).slice(-limits.versionsShownMax).join(", ");
  throw new LockstepError(
    "cannot-describe",
    `expected ${versionsPath} to list ${version}, it lists ${listed || "none"}: install the build and list it there, or name the module of its steps with --steps`,
    { version },
  );
}

/**
 * Starts the build of a version so that it only writes its steps down, and answers with that text. The build runs as
 * under a launcher in this folder, with the environment of this process. It starts no agent, not even where it is too old
 * for this mode.
 * @throws LockstepError `cannot-describe`, `bad-argument`, `aborted`, `file-trouble`
 */
export async function describeBuild(options: DescribeOptions): Promise<string> {
  const { version, from, signal, limitMs = limits.describeLimitMs } = options;
  const { program, words } = await commandOf(options);
  const folder = await mkdtemp(join(tmpdir(), "lockstep-describe-"));
  try {
    await blockLocks(folder);
    const path = join(folder, "steps.json");
    const ran = await runApart(program, words, {
      env: { ...process.env, ...describeEnvironment({ from, path }, version, folder) },
      ...{ limitMs, graceMs: limits.exitGraceMs, outputBytesMax: limits.buildOutputBytesMax },
      signal,
    });
    if (signal.aborted) throw new LockstepError("aborted", "the description was interrupted");
    const content = await readDescription(path);
    if (content !== null) return content;
    const { code, output } = ran;
    throw new LockstepError(
      "cannot-describe",
      `expected the build of ${version} (\`${[program, ...words].join(" ")}\` in ${process.cwd()}) to write its steps down: ${endInWords(ran, limitMs)}: ${remedy}`,
      { version, code, signal: ran.signal, output },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
