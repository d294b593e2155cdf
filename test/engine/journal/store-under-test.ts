import { onTestFinished } from "vitest";
import type { Entry } from "../../../src/engine/journal/entry.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";

/** A store under test, whatever its sessions are. */
export type AnyStore = EngineStore<unknown>;

/** The parts of a store under test. */
export interface StoreUnderTest {
  readonly store: AnyStore;
  /** Another process with the same data. */
  readonly other: AnyStore;
  /** The next write of this name takes effect, and its answer is lost. */
  loseAnswerOf(name: string): void;
  /** Writes a document of the application within a transaction. */
  writeBusiness(session: unknown, id: string): Promise<void>;
  business(): Promise<readonly string[]>;
  /** Waits until the leases with this time to live have run out. */
  expireLeases(ttlMs: number): Promise<void>;
}

let nonces = 0;

/** An entry with what matters here; the rest is filler. */
export function entryOf(actor: string, revision: number, extra: Partial<Entry> = {}): Entry {
  nonces += 1;
  return {
    ...{
      actor,
      startedAtMs: 1_000,
      revision,
      partition: "m/0",
      machine: "m",
      version: "1.0.0",
      kind: "caller",
    },
    ...{ eventType: "GO", event: "{}", nonce: `n${nonces}`, outcome: "applied", state: "any" },
    ...{ tags: [], status: "active", snapshot: `{"revision":${revision}}`, timers: [], work: [] },
    ...{ atMs: 1_000 + revision, sinceMs: 1_000, ...extra },
  };
}

export function timerAt(dueAtMs: number): Entry["timers"][number] {
  const ids = { id: "a/0/0", sendId: "xstate.after.1", source: 0, target: 0 };
  return { ...ids, cancellable: true, eventType: "GO", event: "{}", dueAtMs };
}

export const taskOf = (actor: string): Entry["work"][number] => ({
  ...{
    id: `${actor}/0/0`,
    kind: "task",
    name: "charge",
    birth: 1,
    parent: 0,
    path: "charge",
    input: "{}",
    askedAtMs: 1_000,
  },
});

export function workerOf(worker: string, epoch = 1) {
  return { worker, epoch, machines: ["m@1.0.0", "$now"], host: "$host", pid: 1 };
}

export const appended = { kind: "appended" } as const;
export const revisionTaken = { kind: "revision-taken" } as const;
export const duplicate = { kind: "duplicate" } as const;
export const undone = { kind: "undone" } as const;

/** The row of an actor, as `list` finds it. */
export async function storedRow(store: Pick<AnyStore, "rows">, actor: string) {
  const rows = await store.rows({ limit: 10_000 });
  return rows.find((row) => row.actor === actor);
}

export type OpenStore = () => Promise<StoreUnderTest>;

/** Opens a store for one test, with the partitions of the machine `m`. */
export async function prepared(open: OpenStore): Promise<StoreUnderTest> {
  const under = await open();
  await under.store.prepare(["m"]);
  onTestFinished(async () => {
    await under.store.close();
    await under.other.close();
  });
  return under;
}
