import { LockstepError } from "../../errors.ts";
import type { MemorySession } from "../journal/memory-store.ts";
import type { EngineStore, WatchListener } from "../journal/store.ts";
import { holdCommit } from "./hold-commit.ts";

/**
 * The faults at a durable write: the process is killed before it, the process is killed after it, or the write is
 * done and its answer is lost, so that the process lives and does not know.
 */
export type FaultKind = "before" | "after" | "lost";

/** A fault at the n-th durable write of a run, from 1. */
export interface Fault {
  readonly write: number;
  readonly kind: FaultKind;
}

/** The durable writes of one run, over all its processes. */
export interface WriteLog {
  /** The writes, in order. */
  readonly writes: string[];
  readonly faults: ReadonlyMap<number, FaultKind>;
  /** Grows with each call of a store, so that nobody has to guess whether something is still going on. */
  calls: number;
  /** The calls that are under way. */
  pending: number;
  /** The faults that have happened and lost an answer. */
  lost: number;
}

/** One process as a store sees it. */
export interface Mortal {
  isDead: boolean;
  /** Called at the moment of its death. */
  onDeath: () => void;
}

/** A dead process gets no answer. */
const never = () => new Promise<never>(() => {});

type Store = EngineStore<MemorySession>;

/** The methods of a store that write durably. `transact` writes at its end. */
const writing = {
  prepare: () => "prepare",
  append: ([entries]: readonly unknown[]) =>
    (entries as Parameters<Store["append"]>[0])
      .map(({ actor, revision, kind, eventType }) => `${actor}/${revision} (${kind} ${eventType})`)
      .join(", "),
  saveRows: () => "rows",
  saveMarks: () => "mark",
  register: () => "register the worker",
  renew: () => "renew the lease",
  fenceOut: () => "fence the dead worker out",
  removeWorker: () => "remove a worker",
  saveAttempt: ([attempt]: readonly unknown[]) =>
    `attempt of ${(attempt as { readonly work: string }).work}`,
  removeAttempts: () => "remove attempts",
  assign: ([found]: readonly unknown[]) =>
    `assign ${(found as { readonly partition: string }).partition}`,
  compact: () => "compact",
  expireHistory: () => "expire",
  expireEnded: () => "expire",
} as const;

/**
 * The store of one process that can be killed: its writes are counted, and the faults of the log happen at them.
 * @param only the partition that is shown to the process. Default: all
 */
export function killableStore(inner: Store, log: WriteLog, mortal: Mortal, only?: string): Store {
  const during = async (act: () => Promise<unknown>): Promise<unknown> => {
    log.pending += 1;
    try {
      return await act();
    } finally {
      log.pending -= 1;
    }
  };
  const write = async (what: string, act: () => Promise<unknown>): Promise<unknown> => {
    if (mortal.isDead) return never();
    log.calls += 1;
    log.writes.push(what);
    const fault = log.faults.get(log.writes.length);
    const die = () => {
      mortal.isDead = true;
      mortal.onDeath();
      return never();
    };
    if (fault === "before") return die();
    const result = await during(act);
    if (fault === "after") return die();
    if (mortal.isDead) return never();
    if (fault === undefined) return result;
    log.lost += 1;
    throw new LockstepError("database-unreachable", `the answer of a write was lost: ${what}`);
  };
  const read = async (act: () => Promise<unknown>): Promise<unknown> => {
    if (mortal.isDead) return never();
    log.calls += 1;
    const result = await during(act);
    return mortal.isDead ? never() : result;
  };
  const own: Partial<Record<keyof Store, (...values: never[]) => unknown>> = {
    append: (...values: Parameters<Store["append"]>) =>
      // In a transaction it is the commit that writes.
      values[1]?.session === undefined
        ? write(writing.append(values), () => inner.append(...values))
        : read(() => inner.append(...values)),
    // The commit is the write. A transaction whose process dies before stays open, and writes nothing.
    transact: async (act: Parameters<Store["transact"]>[0]) =>
      write("commit of a transaction", await holdCommit(inner, act)),
    partitions: async () => {
      const found = (await read(() => inner.partitions())) as Awaited<
        ReturnType<Store["partitions"]>
      >;
      return found.filter(({ partition }) => only === undefined || partition === only);
    },
    watch: ({ onAppended }: WatchListener) =>
      inner.watch({
        onAppended: (hint) => {
          if (!mortal.isDead) onAppended(hint);
        },
      }),
    close: async () => {},
  };
  return new Proxy(inner, {
    get(_target, name: keyof Store) {
      const given = own[name];
      if (given) return given;
      const call = (...values: readonly unknown[]) =>
        (inner[name] as (...given: readonly unknown[]) => Promise<unknown>).call(inner, ...values);
      const describe = writing[name as keyof typeof writing];
      return (...values: readonly unknown[]) =>
        describe
          ? write(`${describe(values)}`, () => call(...values))
          : read(() => call(...values));
    },
  });
}
