import type { AnyActorRef } from "xstate";
import { LockstepError } from "../../errors.ts";
import { keptError } from "./kept-error.ts";
import { activeNodesOf } from "./xstate/active-nodes.ts";
import type { StubSnapshot } from "./xstate/stub-logic.ts";
import {
  asLive,
  isMachine,
  isPureLogic,
  isRunning,
  type LiveActor,
  takenSystemIds,
} from "./xstate/xstate-internals.ts";

/** One actor of a system as it is written down, with its children. */
export interface StoredActor {
  /** Its number in the system, given at its birth. Timers, work and references name it by this number. */
  readonly birth: number;
  readonly src?: string;
  readonly systemId?: string;
  readonly syncSnapshot?: boolean;
  /** A machine's value, context and history, and its `nodes` where `activeNodesOf` gives them; another logic's own persisted snapshot; a stub's snapshot. */
  readonly snapshot: Readonly<Record<string, unknown>>;
  readonly children?: Readonly<Record<string, StoredActor>>;
}

/** A whole system of actors as it is written down. */
export interface StoredTree {
  readonly root: StoredActor;
  /** The number of the next actor. */
  readonly nextBirth: number;
  /** See `takenSystemIds`. */
  readonly taken?: readonly string[];
}

interface MachineSnapshotLike {
  readonly status: string;
  readonly value: unknown;
  readonly context: unknown;
  readonly output: unknown;
  readonly error: unknown;
  readonly historyValue?: Readonly<Record<string, readonly { readonly id: string }[]>>;
  readonly children?: Readonly<Record<string, AnyActorRef | undefined>>;
}

/** A property only where it says something, so that small actors stay small. */
function known(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function refuseChild(path: string, found: string, mend: string): LockstepError {
  return new LockstepError(
    "value-not-kept",
    `${path}: expected a child that can be started again in another process, found ${found}: ${mend}`,
    { path },
  );
}

function storedChild(child: LiveActor, path: string, birthOf: (actor: LiveActor) => number) {
  if (child.id === child.sessionId) {
    throw refuseChild(path, "one without an id", "give `spawn` or `spawnChild` an `id`");
  }
  if (typeof child.src !== "string") {
    throw refuseChild(
      path,
      "inline logic",
      "name it in `setup({ actors })`, and use its name as the source",
    );
  }
  const { src, systemId, _syncSnapshot } = child;
  // XState gives the name of an actor that has ended free.
  const name = isRunning(child) ? systemId : undefined;
  const fields = known({ src, systemId: name, syncSnapshot: _syncSnapshot || undefined });
  return { ...fields, ...storedActor(child, path, birthOf) };
}

function storedActor(
  actor: LiveActor,
  path: string,
  birthOf: (actor: LiveActor) => number,
): StoredActor {
  const birth = birthOf(actor);
  const snapshot = actor.getSnapshot();
  if (isMachine(actor.logic)) {
    // XState 5.31 leaves these out where a machine failed at its start.
    const { historyValue = {}, children = {}, ...own } = snapshot as MachineSnapshotLike;
    const { status, value, context, output, error } = own;
    const stored: Record<string, unknown> = { status, value, context };
    if (output !== undefined) stored["output"] = output;
    if (error !== undefined) stored["error"] = keptError(error);
    const nodes = activeNodesOf(actor.logic, snapshot);
    if (nodes) stored["nodes"] = nodes;
    const history = Object.keys(historyValue);
    if (history.length > 0) {
      stored["history"] = Object.fromEntries(
        history.map((id) => [id, historyValue[id]?.map((node) => node.id)]),
      );
    }
    const ids = Object.keys(children).filter((id) => children[id] !== undefined);
    if (ids.length === 0) return { birth, snapshot: stored };
    const inside = ids.map((id) => {
      const child = asLive(children[id] as AnyActorRef);
      return [id, storedChild(child, `${path}/${id}`, birthOf)] as const;
    });
    return { birth, snapshot: stored, children: Object.fromEntries(inside) };
  }
  if (isPureLogic(actor.logic) && !isStub(snapshot)) {
    const persisted = actor.logic.getPersistedSnapshot(snapshot as never);
    return { birth, snapshot: persisted as Readonly<Record<string, unknown>> };
  }
  // The input is in the record of the work.
  const { status, output, error, context, workId } = snapshot as StubSnapshot;
  const kept = error === undefined ? undefined : keptError(error);
  return { birth, snapshot: known({ status, output, error: kept, context, workId }) };
}

/** A state value as text: a state's name, or JSON where it is an object. */
export function stateText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

/** True for the snapshot of a child whose work runs outside the system. */
export function isStub(snapshot: unknown): snapshot is StubSnapshot {
  return typeof snapshot === "object" && snapshot !== null && "workId" in snapshot;
}

/**
 * A system as it is written down.
 * @throws LockstepError `value-not-kept` for a child with inline logic or without an id
 */
export function storeTree(
  root: LiveActor,
  nextBirth: number,
  birthOf: (actor: LiveActor) => number,
): StoredTree {
  const taken = takenSystemIds(root);
  const stored = { root: storedActor(root, "", birthOf), nextBirth };
  return taken.length === 0 ? stored : { ...stored, taken };
}

/** The tree of an actor that was stopped. It was written down while it was active: an actor is stopped without its machine. */
export function stoppedTree({ root, nextBirth }: StoredTree): StoredTree {
  const { children: _ended, snapshot, ...rest } = root;
  return { root: { ...rest, snapshot: { ...snapshot, status: "stopped" } }, nextBirth };
}

/** A persisted snapshot as XState takes it. */
export function persistedOf(
  { snapshot, children = {} }: StoredActor,
  inputOf: (workId: string) => unknown,
): unknown {
  if (isStub(snapshot)) {
    const { status, output, error, context, workId } = snapshot;
    const input = status === "active" ? inputOf(workId) : undefined;
    return { status, output, error, context, workId, input };
  }
  if (!("value" in snapshot)) return snapshot;
  const { history = {}, ...plain } = snapshot as { history?: Record<string, readonly string[]> };
  const historyValue = Object.fromEntries(
    Object.entries(history).map(([id, nodes]) => [id, nodes.map((node) => ({ id: node }))]),
  );
  const inside = Object.entries(children).map(([id, child]) => {
    const { src, systemId, syncSnapshot } = child;
    const stored = { snapshot: persistedOf(child, inputOf), src, systemId, syncSnapshot };
    return [id, stored] as const;
  });
  return {
    ...{ output: undefined, error: undefined },
    ...plain,
    historyValue,
    children: Object.fromEntries(inside),
  };
}

/** The ids of the work that the active stubs of a tree wait for. The work of an actor that has ended is not among them. */
export function workOf({ snapshot, children = {} }: StoredActor): readonly string[] {
  if (snapshot["status"] !== "active") return [];
  const own = isStub(snapshot) ? [snapshot.workId] : [];
  return [...own, ...Object.values(children).flatMap(workOf)];
}
