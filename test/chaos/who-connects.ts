import { readdir, readFile, readlink } from "node:fs/promises";

const hexPort = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");

/** The inode of the socket that came from one loopback port to another (Linux). */
async function inodeOf(sourcePort: number, targetPort: number): Promise<string | undefined> {
  const table = await readFile("/proc/net/tcp", "utf8");
  const [local, remote] = [sourcePort, targetPort].map((port) => `0100007F:${hexPort(port)}`);
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === local && fields[2] === remote) return fields[9];
  }
  return undefined;
}

async function holds(pid: number, inode: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(
    names.map((name) => readlink(`${folder}/${name}`).catch(() => "")),
  );
  return links.includes(`socket:[${inode}]`);
}

/** The process and its children: an agent is its launcher's child, and changes with each start. */
async function family(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = await readFile(path, "utf8").catch(() => "");
  return [pid, ...children.split(" ").filter(Boolean).map(Number)];
}

/**
 * Tells which of some named processes (or a child of one) owns the connection between two loopback
 * ports: mongod cannot choose the address that it connects from, so its owner is looked up (Linux).
 * @returns the name, or null for anybody else
 */
export async function whoConnects(
  ports: { source: number; target: number },
  processes: Readonly<Record<string, number>>,
): Promise<string | null> {
  const inode = await inodeOf(ports.source, ports.target);
  if (inode === undefined) return null;
  for (const [name, parent] of Object.entries(processes)) {
    for (const pid of await family(parent)) if (await holds(pid, inode)) return name;
  }
  return null;
}
