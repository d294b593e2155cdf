import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runCommand } from "../../src/ports/process.ts";

/** A folder of a user who has installed the packed package. */
export interface Installed {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Runs a command in a folder, and fails with its output where it fails. Returns what it printed. */
export async function ranIn(folder: string, command: string, ...given: string[]): Promise<string> {
  const ran = await runCommand(command, given, { timeoutMs: 300_000, cwd: folder });
  if (ran?.exitCode !== 0) {
    throw new Error(`${command} ${given.join(" ")}: ${ran?.stdout}\n${ran?.stderr}`);
  }
  return ran.stdout;
}

/** Packs the package into a folder. Returns the path of the archive. */
export async function packInto(folder: string): Promise<string> {
  const given = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
  const answer = JSON.parse(await ranIn(resolve("."), "npm", ...given)) as
    | readonly { filename: string }[]
    | Record<string, { filename: string }>;
  return join(folder, Object.values(answer)[0]?.filename ?? "");
}

/** Packs the package, and installs it with others into an empty folder. */
export async function installPacked(...others: readonly string[]): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-package-"));
  const archive = await packInto(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await ranIn(folder, "npm", "install", "--prefer-offline", archive, ...others);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
