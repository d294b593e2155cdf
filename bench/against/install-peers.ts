import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/ports/process.ts";

/** The package of the peers and of the programs that drive them. The root's packages know nothing of it. */
export const peersFolder = fileURLToPath(new URL("../../../bench/peers/", import.meta.url));

const changedMs = (path: string) =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

/** Installs the peers, unless they are installed as their lock file says. */
export async function installPeers(): Promise<void> {
  const installedMs = await changedMs(join(peersFolder, "node_modules/.package-lock.json"));
  if (installedMs > (await changedMs(join(peersFolder, "package-lock.json")))) return;
  process.stderr.write("installs the peers, once\n");
  const ran = await runCommand("npm", ["ci"], { timeoutMs: 600_000, cwd: peersFolder });
  if (ran?.exitCode !== 0) {
    throw new Error(`expected "npm ci" in ${peersFolder} to succeed: ${ran?.stderr ?? "no npm"}`);
  }
}

/** The path of a file of an installed package. */
export function pathOfPeer(specifier: string): string {
  return createRequire(join(peersFolder, "package.json")).resolve(specifier);
}

/** The versions of installed packages. */
export async function versionsOf(names: readonly string[]): Promise<Record<string, string>> {
  const pairs = names.map(async (name) => {
    const text = await readFile(join(peersFolder, "node_modules", name, "package.json"), "utf8");
    return [name, String((JSON.parse(text) as { version: unknown }).version)] as const;
  });
  return Object.fromEntries(await Promise.all(pairs));
}
