import type { AnyActorLogic, AnyActorRef } from "xstate";

/** The result of work that ran outside the system, or a value in between. */
export type Settled =
  | { readonly kind: "done"; readonly output: unknown }
  | { readonly kind: "error"; readonly error: unknown }
  /** An observable's latest value. */
  | { readonly kind: "value"; readonly context: unknown };

/** The event that brings a result to its child. No caller can make one, since only this class is recognised. */
export class SettledEvent {
  readonly type = "lockstep.settled";
  readonly settled: Settled;
  constructor(settled: Settled) {
    this.settled = settled;
  }
}

/** The state of a child whose work runs outside the system. */
export interface StubSnapshot {
  readonly status: "active" | "done" | "error" | "stopped";
  readonly output: unknown;
  readonly error: unknown;
  readonly input: unknown;
  readonly context?: unknown;
  /** The id of its work, the same on each attempt. */
  readonly workId: string;
}

/** The system around a stub. */
export interface StubHost {
  /** The id of the work of a child that is made. */
  nextId(): string;
  /** The child starts: also a revived one, and never one that is stopped before. */
  begin(child: AnyActorRef, workId: string, input: unknown): void;
  /** The machine sends an event to the child. */
  message(child: AnyActorRef, event: unknown): void;
}

/**
 * The logic of a child whose real logic (a promise, a callback, an observable) runs in a worker. In the system it only
 * waits: its result comes as an event, and XState tells the parent, as it does live.
 */
export function stubLogic(host: StubHost): AnyActorLogic {
  return {
    transition(snapshot: StubSnapshot, event: unknown, { self }: { self: AnyActorRef }) {
      if (event instanceof SettledEvent) return settle(snapshot, event.settled);
      if ((event as { type?: unknown }).type === "xstate.stop") {
        return { ...snapshot, status: "stopped", input: undefined };
      }
      host.message(self, event);
      return snapshot;
    },
    getInitialSnapshot(_scope: unknown, input: unknown): StubSnapshot {
      const workId = host.nextId();
      return { status: "active", output: undefined, error: undefined, input, workId };
    },
    start({ workId, input }: StubSnapshot, { self }: { self: AnyActorRef }) {
      host.begin(self, workId, input);
    },
    getPersistedSnapshot: (snapshot: StubSnapshot) => snapshot,
    restoreSnapshot: (snapshot: StubSnapshot) => snapshot,
  } as unknown as AnyActorLogic;
}

function settle(snapshot: StubSnapshot, settled: Settled): StubSnapshot {
  switch (settled.kind) {
    case "done":
      return { ...snapshot, status: "done", output: settled.output, input: undefined };
    case "error":
      return { ...snapshot, status: "error", error: settled.error, input: undefined };
    case "value":
      return { ...snapshot, context: settled.context };
  }
}
