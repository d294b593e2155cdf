/** One step of an upgrade (`upgrade/<id>`), or of an agent's part in one (`participant/<agent>/<id>`). */
export interface Moved {
  readonly actor: string;
  /** Counts the steps of this actor from 0. */
  readonly revision: number;
  /** The type of the event that it took. */
  readonly event: string;
  readonly state: string;
  /** The epoch of the process that wrote it. */
  readonly epoch: number;
}

/**
 * The events that an agent sends to the application that embeds it. The agent itself is always the sender.
 *
 * | event | when | payload |
 * | --- | --- | --- |
 * | started | this process has registered | incarnation, version |
 * | ready | its first look at the fleet is done | – |
 * | gateOpened | the application may work | – |
 * | gateShut | the application has drained | – |
 * | becameMaster | it holds the lease and the fence | epoch |
 * | lostMastership | it does not any more | epoch |
 * | transition | an upgrade, or this agent's part in one, has moved | which one, by which event, and its state now |
 * | blocked | it waits for an operator | why |
 * | unblocked | it goes on by itself again | – |
 * | trouble | a pass failed and will be tried again | code, message |
 * | leaving | this process ends | exit code |
 */
export interface LifecycleEvents {
  started: { readonly incarnation: number; readonly version: string };
  ready: Record<string, never>;
  gateOpened: Record<string, never>;
  gateShut: Record<string, never>;
  becameMaster: { readonly epoch: number };
  lostMastership: { readonly epoch: number };
  transition: Moved;
  blocked: { readonly why: string };
  unblocked: Record<string, never>;
  trouble: { readonly code: string; readonly message: string };
  leaving: { readonly exitCode: number };
}

type Listener<Name extends keyof LifecycleEvents> = (payload: LifecycleEvents[Name]) => void;

/** The listeners of an agent. */
export interface Lifecycle {
  on<Name extends keyof LifecycleEvents>(name: Name, listener: Listener<Name>): () => void;
  emit<Name extends keyof LifecycleEvents>(name: Name, payload: LifecycleEvents[Name]): void;
}

/** @param onThrown is called when a listener throws: that must neither stop an engine nor end its process */
export function createLifecycle(onThrown: (error: unknown) => void): Lifecycle {
  const listeners = new Map<string, Set<(payload: never) => void>>();
  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      set.add(listener as (payload: never) => void);
      return () => set.delete(listener as (payload: never) => void);
    },
    emit(name, payload) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          listener(payload as never);
        } catch (error) {
          onThrown(error);
        }
      }
    },
  };
}
