import { type AnyActorLogic, type AnyActorRef, createActor, type EventObject } from "xstate";
import type { Settled } from "../../system/xstate/stub-logic.ts";

/** The reports of a live child. */
export interface LiveReports {
  settled(settled: Settled): void;
  /** The child sends an event to its parent. */
  event(event: EventObject): void;
  emitted(event: EventObject): void;
}

/** A promise, callback or observable that runs in this process. */
export interface LiveChild {
  /** Gives it the event of a message, once. */
  hear(messageId: string, event: EventObject): void;
  stop(): void;
}

const hostId = "host";

/** Starts logic as a child of an actor that only listens. It uses XState's public interface alone. */
export function startLive(logic: AnyActorLogic, input: unknown, reports: LiveReports): LiveChild {
  const listen = (
    event: EventObject & { output?: unknown; error?: unknown; snapshot?: unknown },
  ) => {
    switch (event.type) {
      case `xstate.done.actor.${hostId}`:
        return reports.settled({ kind: "done", output: event.output });
      case `xstate.error.actor.${hostId}`:
        return reports.settled({ kind: "error", error: event.error });
      case `xstate.snapshot.${hostId}`: {
        const { context } = event.snapshot as { readonly context?: unknown };
        return context === undefined ? undefined : reports.settled({ kind: "value", context });
      }
      default:
        return reports.event(event);
    }
  };
  const host = createActor({
    transition: (snapshot: unknown, event: EventObject) => {
      if (event.type !== "xstate.stop" && event.type !== "xstate.init") listen(event);
      return snapshot;
    },
    getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot: unknown) => snapshot,
  } as unknown as AnyActorLogic);
  host.start();
  const child = createActor(logic, {
    id: hostId,
    parent: host as AnyActorRef,
    syncSnapshot: true,
    input,
  } as never) as unknown as AnyActorRef & { _stop(): void };
  child.on("*", (event) => reports.emitted(event));
  child.start();
  const heard = new Set<string>();
  let stopped = false;
  return {
    hear(messageId, event) {
      if (heard.has(messageId)) return;
      heard.add(messageId);
      child.send(event);
    },
    stop() {
      if (stopped) return;
      stopped = true;
      child._stop();
      host.stop();
    },
  };
}
