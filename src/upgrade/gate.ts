import type { Log } from "../log.ts";
import { collections, documentIds, type Store, type Write } from "../store/store.ts";

/** What the application does when the gate opens and before it shuts. Both are awaited. */
export interface GateListener {
  onOpen(): Promise<void> | void;
  /** Drains: after it resolves nothing of the application writes any more. */
  onShut(): Promise<void> | void;
}

export interface Gate {
  readonly isOpen: boolean;
  /** Opens by a transaction, or answers false when the conditions do not hold there (S1). */
  open(): Promise<boolean>;
  shut(): Promise<void>;
}

/** What an opening or a shutting is in the store: conditions and changes in one transaction. Pure. */
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
  let opening: Promise<boolean> | undefined;
  let shutting: Promise<void> | undefined;
  const change = (gate: "open" | "shut") =>
    store.write(gateWrites(gate, { agent, incarnation, version }));

  const shut = (): Promise<void> => {
    // Whoever else wants it shut waits for the same drain.
    shutting ??= (async () => {
      if (open) {
        await listener.onShut();
        open = false;
        log.info({}, "gate shut");
      }
      await change("shut");
    })().finally(() => {
      shutting = undefined;
    });
    return shutting;
  };

  return {
    get isOpen() {
      return open;
    },
    open() {
      opening ??= (async () => {
        if (open) return true;
        if ((await change("open")) !== null) return false;
        open = true;
        log.info({}, "gate opened");
        try {
          await listener.onOpen();
        } catch (error) {
          // An application that could not begin is not open: shut, and opened again by the next look.
          await shut();
          throw error;
        }
        return true;
      })().finally(() => {
        opening = undefined;
      });
      return opening;
    },
    shut,
  };
}
