import { drainingWrite } from "../../../control/agents.ts";
import { collections, documentIds, type Store, type Write } from "../../../journal/store.ts";
import type { Log } from "../../../log.ts";
import { createDrain, type DrainPorts } from "./drain.ts";
import { OpeningHold } from "./opening-hold.ts";

/** The application's work when the gate opens and before it shuts. Both are awaited, one after the other. */
export interface GateListener {
  /** Begins, and resolves when it has begun: until then nothing is shut. */
  onOpen(): Promise<void> | void;
  /**
   * Drains: after it resolves nothing of the application writes any more.
   * @param drain its signal aborts when the time for it is over; soon after, the process ends
   */
  onShut(drain: { readonly signal: AbortSignal }): Promise<void> | void;
}

export interface Gate {
  readonly isOpen: boolean;
  readonly isOpening: boolean;
  /** Opens by a transaction, or answers false when the conditions do not hold there (S1). */
  open(): Promise<boolean>;
  /** Waits for an opening under way: the application begins and ends one after the other. */
  shut(): Promise<void>;
  /** Why it is shut although the versions agree, or null. */
  readonly why: string | null;
  /** A person says that the application may begin, in safe mode and after failures. */
  lift(): void;
  /** Shuts for good. */
  close(): Promise<void>;
}

/** The conditions and changes of an opening or a shutting, for one transaction. Pure. */
export function gateWrites(
  gate: "open" | "shut",
  { agent, incarnation, version }: { agent: string; incarnation: number; version: string },
): readonly Write[] {
  const record = { collection: collections.agents, id: agent, set: { gate, drainingSince: null } };
  if (gate === "shut") return [{ ...record, expect: { incarnation } }];
  // It has checked its files, and may be upgraded from its first moment of service on.
  const set = { ...record.set, starting: false };
  return [
    {
      // The versions document really changes, so an acceptance and an opening cannot both commit.
      collection: collections.versions,
      id: documentIds.versions,
      expect: { databaseVersion: version, agentVersion: version, upgradeId: null },
      increment: { openings: 1 },
    },
    { ...record, set, expect: { incarnation, owes: null, forgotten: false } },
  ];
}

/** The gate of one incarnation: keeps the application stopped until the versions agree. */
export function createGate(options: {
  store: Store;
  agent: string;
  incarnation: number;
  version: string;
  listener: GateListener;
  drain: DrainPorts;
  /** Makes this version the launcher's default: an application that ends as it begins is no reason to fall back then. */
  keepVersion(): Promise<void>;
  /** Why the application must not begin before a person says so, or null. */
  safeMode: string | null;
  log: Log;
}): Gate {
  const { store, agent, incarnation, version, listener, log } = options;
  let open = false;
  let closed = false;
  /** The last request, until it is done. */
  let last: { readonly gate: "open" | "shut"; readonly done: Promise<boolean> } | undefined;
  const change = (gate: "open" | "shut") =>
    store.write(gateWrites(gate, { agent, incarnation, version }));
  const hold = new OpeningHold(options.drain.clock, options.safeMode);
  const drain = createDrain(options.drain, {
    log,
    onShut: (limit) => listener.onShut(limit),
    note: async () => store.write([drainingWrite(agent, incarnation, await store.now())]),
  });

  const shutNow = async (): Promise<boolean> => {
    if (open) {
      await drain.run();
      open = false;
      log.info({}, "gate shut");
    }
    drain.end();
    await change("shut");
    return true;
  };

  const openNow = async (): Promise<boolean> => {
    if (open || closed) return open;
    if (hold.isHeld) return false;
    await hold.attempt(options.keepVersion);
    if ((await change("open")) !== null) return false;
    // A shutting is waiting for this opening, so the application need not begin.
    if (last?.gate === "shut") return false;
    open = true;
    log.info({}, "gate opened");
    try {
      await hold.attempt(() => listener.onOpen());
    } catch (error) {
      // An application that could not begin is not open. The gate is shut, and a later look opens it again.
      await shutNow();
      throw error;
    }
    hold.reset();
    return true;
  };

  /** Work runs one piece after the other. Work that overlapped could go on behind a gate that is shut. */
  const ask = (gate: "open" | "shut", act: () => Promise<boolean>): Promise<boolean> => {
    // Another caller that wants the same waits for the same work.
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
  const shut = async (): Promise<void> => {
    // An application that does not come to the end of its opening is one that does not drain.
    if (open || last?.gate === "open") drain.begin();
    hold.reset();
    await ask("shut", shutNow);
  };

  return {
    get isOpen() {
      return open;
    },
    get isOpening() {
      return last?.gate === "open";
    },
    get why() {
      return hold.why;
    },
    lift: () => hold.lift(),
    open: () => ask("open", openNow),
    shut,
    close() {
      closed = true;
      return shut();
    },
  };
}
