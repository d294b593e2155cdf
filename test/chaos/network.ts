import type { Member } from "../../src/local/mongod-process.ts";
import { type Link, openLink, startProxy, type TcpProxy } from "./proxy.ts";
import { whoConnects } from "./who-connects.ts";

/** Which way a party of the network hears nothing, or is not heard. */
export type Direction = "both" | "out" | "in";

/**
 * The network of a fleet: a proxy in front of every member, through which agents and members alike
 * reach it, since the set's own configuration names the proxies. What it cannot do: a connection that
 * is opened to one who is cut off is accepted (and then hears nothing) instead of timing out.
 */
export interface Network {
  /** Puts a proxy before a member; answers with the host to name in the set's configuration. */
  front(member: Member): Promise<string>;
  /** Tells processes apart: an agent by its launcher. */
  know(name: string, pid: () => number): void;
  /** This agent or member is cut off from all (the test itself still reaches members directly). */
  cut(name: string, direction: Direction): void;
  /** All that passes to or from this one is late. */
  slow(name: string, delayMs: number): void;
  heal(): void;
  close(): Promise<void>;
}

export function createNetwork(): Network {
  const proxies: TcpProxy[] = [];
  const pids = new Map<string, () => number>();
  const cuts = new Map<string, Direction>();
  const delays = new Map<string, number>();
  const isCut = (name: string | null, ways: readonly Direction[]) =>
    name !== null && ways.includes(cuts.get(name) as Direction);
  /** A message of A passes when A is heard and B hears. */
  const link = (source: string | null, target: string): Link => {
    // The test itself stands outside: it is never cut off, never late. Nor is one from itself.
    if (source === null || source === target) return openLink;
    return {
      cutThere: isCut(source, ["both", "out"]) || isCut(target, ["both", "in"]),
      cutBack: isCut(target, ["both", "out"]) || isCut(source, ["both", "in"]),
      delayMs: (delays.get(source) ?? 0) + (delays.get(target) ?? 0),
    };
  };
  const changed = () => {
    for (const proxy of proxies) proxy.changed();
  };
  return {
    async front(member) {
      pids.set(member.name, () => member.pid);
      const proxy = await startProxy({
        targetPort: member.port,
        identify: (source, target) =>
          whoConnects(
            { source, target },
            Object.fromEntries([...pids].map(([name, pid]) => [name, pid()])),
          ),
        link: (source) => link(source, member.name),
      });
      proxies.push(proxy);
      return `127.0.0.1:${proxy.port}`;
    },
    know: (name, pid) => void pids.set(name, pid),
    cut(name, direction) {
      cuts.set(name, direction);
      changed();
    },
    slow(name, delayMs) {
      delays.set(name, delayMs);
      changed();
    },
    heal() {
      cuts.clear();
      delays.clear();
      changed();
    },
    async close() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}
