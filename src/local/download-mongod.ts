import { createWriteStream } from "node:fs";
import { chmod, mkdtemp, rename, rm } from "node:fs/promises";
import { arch, platform } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { limits } from "../limits.ts";
import { runCommand } from "../ports/process.ts";

const release = "mongodb-linux-x86_64-ubuntu2204-7.0.14";

/** Downloads the official mongod to `target`. Returns the reason where it cannot. */
export async function downloadMongod(target: string, signal?: AbortSignal): Promise<string | null> {
  if (platform() !== "linux" || arch() !== "x64")
    return `no build known for ${platform()} ${arch()}`;
  // Only the first byte has a time limit: a firewall may never answer, and the whole file takes long.
  const giveUp = new AbortController();
  const connect = setTimeout(
    () => giveUp.abort(new Error("no answer")),
    limits.mongodConnectTimeoutMs,
  );
  const whole = AbortSignal.timeout(limits.mongodDownloadTimeoutMs);
  const response = await fetch(`https://fastdl.mongodb.org/linux/${release}.tgz`, {
    signal: AbortSignal.any([giveUp.signal, whole, ...(signal === undefined ? [] : [signal])]),
  }).finally(() => clearTimeout(connect));
  if (!response.ok || response.body === null) return `the server answered ${response.status}`;
  const directory = await mkdtemp(`${target}.partial-`);
  try {
    const archive = join(directory, "mongod.tgz");
    await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
    const ran = await runCommand("tar", ["-xzf", archive, `${release}/bin/mongod`], {
      timeoutMs: limits.mongodDownloadTimeoutMs,
      cwd: directory,
    });
    if (ran?.exitCode !== 0) return "the archive could not be unpacked";
    const binary = join(directory, release, "bin", "mongod");
    await chmod(binary, 0o755);
    await rename(binary, target);
    return null;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
