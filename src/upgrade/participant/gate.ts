import { collections, documentIds, type Store, type Write } from "../../journal/store.ts";
import type { Log } from "../../log.ts";

/** The application's work when the gate opens and before it shuts. Both are awaited, one after the other. */
export interface GateListener {
  /** Begins, and resolves when it has begun: until then nothing is shut. */
  onOpen(): Promise<void> | void;
  /** Drains: after it resolves nothing of the application writes any more. */
  onShut(): Promise<void> | void;
}

export interface Gate {
  readonly isOpen: boolean;
  readonly isOpening: boolean;
  /** Opens by a transaction, or answers false when the conditions do not hold there (S1). */
  open(): Promise<boolean>;
  /** Waits for an opening under way: the application begins and ends one after the other. */
  shut(): Promise<void>;
  /** Shuts for good. */
  close(): Promise<void>;
}

/** The writes of an opening or a shutting: conditions and changes in one transaction. Pure. */
export function gateWrites(
  gate: "open" | "shut",
  { agent, incarnation, version }: { agent: string; incarnation: number; version: string },
): readonly Write[] {
  const record = { collection: collections.agents, id: agent, set: { gate } };
  if (gate === "shut") return [{ ...record, expect: { incarnation } }];
  return [
    {
      // The versions document really changes, so an acceptance and an opening cannot both commit.
      collection: collections.versions,
      id: documentIds.versions,
      expect: { databaseVersion: version, agentVersion: version, upgrade: null },
      increment: { openings: 1 },
    },
    { ...record, expect: { incarnation, owes: null, forgotten: false } },
  ];
}

/** The gate of one incarnation: keeps the application stopped until the versions agree. */
export function createGate(options: {
  store: Store;
  agent: string;
  incarnation: number;
  version: string;
  listener: GateListener;
  log: Log;
}): Gate {
  const { store, agent, incarnation, version, listener, log } = options;
  let open = false;
  let closed = false;
  /** What was asked for last and is not done yet. */
  let last: { readonly gate: "open" | "shut"; readonly done: Promise<boolean> } | undefined;
  const change = (gate: "open" | "shut") =>
    store.write(gateWrites(gate, { agent, incarnation, version }));

  const shutNow = async (): Promise<boolean> => {
    if (open) {
      await listener.onShut();
      open = false;
      log.info({}, "gate shut");
    }
    await change("shut");
    return true;
  };

  const openNow = async (): Promise<boolean> => {
    if (open || closed) return open;
    if ((await change("open")) !== null) return false;
    // Shut again by who waits for this: the application need not begin.
    if (last?.gate === "shut") return false;
    open = true;
    log.info({}, "gate opened");
    try {
      await listener.onOpen();
    } catch (error) {
      // An application that could not begin is not open: shut, and opened again by the next look.
      await shutNow();
      throw error;
    }
    return true;
  };

  /** One after the other: what begins only now would go on behind a gate that is shut. */
  const ask = (gate: "open" | "shut", act: () => Promise<boolean>): Promise<boolean> => {
    // Whoever else wants the same waits for the same.
    if (last?.gate === gate) return last.done;
    const before = last?.done.catch(() => {}) ?? Promise.resolve();
    const asked = {
      gate,
      done: before.then(act).finally(() => {
        if (last === asked) last = undefined;
      }),
    };
    last = asked;
    return asked.done;
  };
  const shut = async (): Promise<void> => void (await ask("shut", shutNow));

  return {
    get isOpen() {
      return open;
    },
    get isOpening() {
      return last?.gate === "open";
    },
    open: () => ask("open", openNow),
    shut,
    close() {
      closed = true;
      return shut();
    },
  };
}
