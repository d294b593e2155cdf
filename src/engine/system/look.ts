import type { AnyStateMachine } from "xstate";
import type { Outcome } from "./outcome.ts";
import { isStub, type StoredActor } from "./tree.ts";
import type { LiveActor } from "./xstate-internals.ts";

export interface RootSnapshot {
  readonly status: Outcome["status"];
  readonly value: unknown;
  readonly error: unknown;
  readonly tags: ReadonlySet<string>;
}

/** The ids of the work that the active stubs of a tree wait for. What an actor that has ended invoked has ended too. */
export function workOf({ snapshot, children = {} }: StoredActor): readonly string[] {
  if (snapshot["status"] !== "active") return [];
  const own = isStub(snapshot) ? [snapshot.workId] : [];
  return [...own, ...Object.values(children).flatMap(workOf)];
}

/** True where a state takes the event, though the machine is as it was. */
export function takes(machine: AnyStateMachine, before: unknown, event: object): boolean {
  try {
    return machine
      .getTransitionData(before as never, event as never)
      .some(({ target, actions }) => target !== undefined || actions.length > 0);
  } catch {
    return true;
  }
}

export function pathOf(actor: LiveActor): string {
  return actor._parent === undefined ? "" : `${pathOf(actor._parent)}/${actor.id}`;
}
