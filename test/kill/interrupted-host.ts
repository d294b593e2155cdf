import { LockstepError } from "../../src/errors.ts";
import { collections, type Store, type Write } from "../../src/journal/store.ts";
import { dataDocument } from "../simulation/simulated/data.ts";
import { createHost, type Host, type Surroundings } from "../simulation/simulated/host.ts";

export const interruptions = ["dies before", "dies after", "loses the answer of"] as const;

/** The interruption of one durable write. */
export interface Interruption {
  /** Its number, from 1. */
  readonly at: number;
  readonly kind: (typeof interruptions)[number];
}

/** The durable writes of all hosts in their order, one of them interrupted. */
export interface WriteLog {
  /** Writes before this are not counted. */
  begin(): void;
  readonly writes: readonly string[];
  /** Counts a write; answers with what happens to it, or null. */
  next(what: string): Interruption["kind"] | null;
}

export function createWriteLog(interruption: Interruption | null): WriteLog {
  const writes: string[] = [];
  let counts = false;
  return {
    writes,
    begin: () => {
      counts = true;
    },
    next(what) {
      if (!counts) return null;
      writes.push(what);
      return interruption?.at === writes.length ? interruption.kind : null;
    },
  };
}

/** A promise of its own each time: one shared by all would keep all that ever waited for it. */
const never = () => new Promise<never>(() => {});

/** Heartbeats, renewals and the application's own writes come by the clock: no part of an upgrade. */
function isOfUpgrade(writes: readonly Write[]): boolean {
  return writes.some(({ collection, expect, set = {}, increment = {} }) => {
    if (collection === collections.agents) return !("lastSeenAt" in set) || "incarnation" in set;
    // Each candidate makes sure, again and again, that there is a lease.
    if (collection === collections.fences) return expect !== null;
    if (collection === collections.leases) return Boolean(set["holder"]) || set["expiresAt"] === 0;
    return collection !== dataDocument.collection || !("application" in increment);
  });
}

/** A host whose durable writes, to the database and to its disk, are counted and interrupted. */
export function createInterruptedHost(
  name: string,
  version: string,
  around: Surroundings,
  log: WriteLog,
): Host {
  const inDatabase = async <Result>(what: string, act: () => Promise<Result>): Promise<Result> => {
    const kind = log.next(`${name} writes ${what}`);
    if (kind === "dies before") {
      host.kill();
      return never();
    }
    const result = await act();
    if (kind === "dies after") {
      host.kill();
      return never();
    }
    if (kind !== null) throw new LockstepError("database-unreachable", "the answer was lost");
    return result;
  };
  const store: Store = {
    ...around.store,
    append: (entries, writes) =>
      inDatabase(entries.map(({ actor, state }) => `${actor} in ${state}`).join(), () =>
        around.store.append(entries, writes),
      ),
    write: (writes) =>
      isOfUpgrade(writes)
        ? inDatabase(writes.map(({ collection }) => collection).join(), () =>
            around.store.write(writes),
          )
        : around.store.write(writes),
  };
  const host = createHost(name, version, { ...around, store });

  // A write to a disk in memory is over at once; the process does nothing more that awaits.
  const onDisk = (what: string, act: () => void) => {
    const kind = log.next(`${name} writes its ${what}`);
    if (kind === "dies before") return host.kill();
    act();
    if (kind === "dies after") host.kill();
    if (kind === "loses the answer of") throw new Error("EIO: input/output error");
  };
  const watchMap = <Value>(map: Map<string, Value>, what: string) => {
    const [set, remove] = [map.set.bind(map), map.delete.bind(map)];
    map.set = (key, value) => {
      onDisk(what, () => set(key, value));
      return map;
    };
    map.delete = (key) => {
      onDisk(what, () => remove(key));
      return true;
    };
  };
  const { disk } = host;
  watchMap(disk.local, "local journal");
  watchMap(disk.files, "file");
  watchMap(disk.copies, "copy");
  for (const field of ["wanted", "fallback", "stepsVersion"] as const) {
    let value = disk[field];
    Object.defineProperty(disk, field, {
      get: () => value,
      set: (next: string) =>
        onDisk(`${field} version`, () => {
          value = next;
        }),
    });
  }
  return host;
}
