import type { Collection, Db, MongoClient } from "mongodb";

/** Stops and failures between a store and its database, at calls of the driver. */
export interface Gate {
  /** The next call of this name (`<collection>.<method>`) waits before it is made. */
  pauseAt(name: string): { readonly reached: Promise<void>; readonly resume: () => void };
  /** The next call of this name never reaches the database. */
  failAt(name: string, error: Error): void;
  /** How often a call of this name was made. */
  calls(name: string): number;
}

type Method = (...values: readonly unknown[]) => Promise<unknown>;

/** Puts a gate between a client and its databases. */
export function gated(client: MongoClient): Gate {
  const stops = new Map<string, () => Promise<void>>();
  const counts = new Map<string, number>();
  const guarded = <Target extends object>(target: Target, prefix: string): Target =>
    new Proxy(target, {
      get(inner, method: string) {
        const value = (inner as Record<string, unknown>)[method];
        if (typeof value !== "function") return value;
        if (method === "collection") {
          return (name: string) => guarded<Collection>((inner as Db).collection(name), name);
        }
        const name = `${prefix}.${method}`;
        return (...values: readonly unknown[]) => {
          counts.set(name, (counts.get(name) ?? 0) + 1);
          const call = () => (value as Method).apply(inner, [...values]);
          const stop = stops.get(name);
          stops.delete(name);
          return stop === undefined ? call() : stop().then(call);
        };
      },
    });
  const open = client.db.bind(client);
  client.db = (name, options) => guarded(open(name, options), name ?? "");
  return {
    pauseAt(name) {
      let reach = () => {};
      let resume = () => {};
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      const resumed = new Promise<void>((resolve) => {
        resume = resolve;
      });
      stops.set(name, () => {
        reach();
        return resumed;
      });
      return { reached, resume };
    },
    calls: (name) => counts.get(name) ?? 0,
    failAt: (name, error) => void stops.set(name, () => Promise.reject(error)),
  };
}
