import { createConnection, createServer, type Socket } from "node:net";

/** The present treatment of messages between two ends. */
export interface Link {
  /** Nothing of what the source says arrives; it is not told so. */
  readonly cutThere: boolean;
  /** Nothing of what the target answers arrives. */
  readonly cutBack: boolean;
  /** Each piece arrives this much later. */
  readonly delayMs: number;
}

export const openLink: Link = { cutThere: false, cutBack: false, delayMs: 0 };

/** A TCP proxy in front of one port: it knows who connects, and asks for each piece what the network does. */
export interface TcpProxy {
  readonly port: number;
  /** The network changed: what waits goes on or stops. */
  changed(): void;
  close(): Promise<void>;
}

/** Bytes that one direction of one connection may hold back; beyond, the sender is not read any more. */
const heldBytesMax = 256 * 1024;

/** Carries one direction, piece by piece, in order. */
function carry(from: Socket, to: Socket, options: { isCut(): boolean; delayMs(): number }) {
  let waiting: { readonly data: Buffer; readonly at: number }[] = [];
  let heldBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (options.isCut() || to.destroyed) return;
    const now = performance.now();
    const due = waiting.filter(({ at }) => at <= now);
    waiting = waiting.slice(due.length);
    for (const { data } of due) {
      heldBytes -= data.length;
      to.write(data);
    }
    const [next] = waiting;
    if (next) timer = setTimeout(flush, Math.max(1, next.at - now));
    if (heldBytes < heldBytesMax && to.writableLength < heldBytesMax) from.resume();
  };
  from.on("data", (data) => {
    const last = waiting.at(-1)?.at ?? 0;
    waiting.push({ data, at: Math.max(last, performance.now() + options.delayMs()) });
    heldBytes += data.length;
    if (heldBytes >= heldBytesMax) from.pause();
    flush();
    if (to.writableLength >= heldBytesMax) from.pause();
  });
  to.on("drain", flush);
  return { flush, end: () => clearTimeout(timer) };
}

/** Starts a proxy on a free port of the loopback. `identify` tells who connected, by the port it came from. */
export async function startProxy<Source>(options: {
  targetPort: number;
  identify(sourcePort: number, proxyPort: number): Promise<Source>;
  link(source: Source): Link;
}): Promise<TcpProxy> {
  const flushes = new Set<() => void>();
  const sockets = new Set<Socket>();
  let port = 0;
  const join = async (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    socket.setNoDelay(true);
    socket.pause();
    const source = await options.identify(socket.remotePort ?? 0, port);
    if (socket.destroyed) return;
    const target = createConnection({ host: "127.0.0.1", port: options.targetPort });
    sockets.add(target);
    target.setNoDelay(true);
    const link = () => options.link(source);
    const delayMs = () => link().delayMs / 2;
    const there = carry(socket, target, { isCut: () => link().cutThere, delayMs });
    const back = carry(target, socket, { isCut: () => link().cutBack, delayMs });
    flushes.add(there.flush).add(back.flush);
    socket.resume();
    const end = () => {
      there.end();
      back.end();
      flushes.delete(there.flush);
      flushes.delete(back.flush);
      sockets.delete(target);
      // The news that one end is gone passes the network only where it passes at all.
      socket.destroy();
      target.destroy();
    };
    target.on("error", end);
    target.once("close", end);
    socket.once("close", end);
  };
  const server = createServer((socket) => void join(socket).catch(() => socket.destroy()));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  port = typeof address === "object" && address ? address.port : 0;
  return {
    port,
    changed() {
      for (const flush of flushes) flush();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
