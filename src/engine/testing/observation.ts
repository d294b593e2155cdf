import { type AnyActorRef, isMachineSnapshot } from "xstate";
import { messageOf } from "../../errors.ts";
import { isActorRef } from "../system/xstate/xstate-internals.ts";
import { encode } from "../values/encode.ts";

/** One actor as a test compares it. Values are typed text, so that `-0`, Dates and Maps count. */
export interface ObservedActor {
  readonly status: string;
  readonly value?: string;
  readonly context?: string;
  readonly output?: string;
  readonly error?: string;
  readonly tags?: string;
  readonly children: Readonly<Record<string, ObservedActor>>;
}

/** The deeds of a machine so far. */
export interface Observation {
  readonly root: ObservedActor;
  /** Each emitted event, of the root and of its children. */
  readonly emitted: readonly string[];
  /** Each durable action with its parameters, in order, once an id. */
  readonly actions: readonly string[];
  /** Each result of a task that reached its state, in order. */
  readonly results: readonly string[];
}

interface SnapshotLike {
  readonly status: string;
  readonly context?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly children?: Readonly<Record<string, AnyActorRef | undefined>>;
}

interface WithParent {
  readonly id: string;
  readonly _parent?: AnyActorRef;
}

/** The ids from the root down to an actor that is there, or "gone". */
function pathTo(actor: AnyActorRef): string {
  const { id, _parent: parent } = actor as unknown as WithParent;
  if (parent === undefined) return id.startsWith("gone-") ? "gone" : "root";
  const above = pathTo(parent);
  const { children } = parent.getSnapshot() as SnapshotLike;
  return above === "gone" || children?.[id] !== actor ? "gone" : `${above}/${id}`;
}

const stack = /"stack":"(?:[^"\\]|\\.)*",?/g;

/** A value as typed text. An actor is its path, and an error has no stack, since that names the place of the test. */
export function textOf(value: unknown): string {
  try {
    const text = encode(value, {
      reference: (object) => (isActorRef(object) ? pathTo(object) : null),
    });
    return text.includes('"stack":') ? text.replaceAll(stack, "") : text;
  } catch (error) {
    return `not kept: ${messageOf(error)}`;
  }
}

function known(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );
}

/** Looks at an actor, and at its children. */
export function observe(snapshot: unknown): ObservedActor {
  const { status, context, output, error, children = {} } = snapshot as SnapshotLike;
  const machine = isMachineSnapshot(snapshot) ? snapshot : undefined;
  // XState leaves the children of an actor that failed as they were. The engine stops them.
  const inside = Object.entries(status === "error" ? {} : children)
    .flatMap(([id, child]) => (child ? [[id, observe(child.getSnapshot())] as const] : []))
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    status,
    ...known({
      value: machine && textOf(machine.value),
      // An actor that failed at its start has not entered all of its states.
      tags: status === "error" ? undefined : machine && [...machine.tags].toSorted().join(),
      context: context === undefined ? undefined : textOf(context),
      output: output === undefined ? undefined : textOf(output),
      error: error === undefined ? undefined : messageOf(error),
    }),
    children: Object.fromEntries(inside),
  };
}

/** The first difference of two observations. */
export interface Difference {
  /** As `value`, `context` or `children.worker.status`. */
  readonly where: string;
  readonly live: string;
  readonly durable: string;
}

function differenceOfTexts(
  where: string,
  live: string | undefined,
  durable: string | undefined,
): Difference | null {
  if (live === durable) return null;
  return { where, live: live ?? "nothing", durable: durable ?? "nothing" };
}

function differenceOfActors(
  live: ObservedActor,
  durable: ObservedActor,
  path: string,
): Difference | null {
  for (const part of ["status", "value", "context", "output", "error", "tags"] as const) {
    const found = differenceOfTexts(`${path}${part}`, live[part], durable[part]);
    if (found) return found;
  }
  for (const id of new Set([...Object.keys(live.children), ...Object.keys(durable.children)])) {
    const here = `${path}children.${id}`;
    const [one, other] = [live.children[id], durable.children[id]];
    const found =
      one && other
        ? differenceOfActors(one, other, `${here}.`)
        : differenceOfTexts(here, one?.status, other?.status);
    if (found) return found;
  }
  return null;
}

function differenceOfLists(
  where: string,
  live: readonly string[],
  durable: readonly string[],
): Difference | null {
  for (let index = 0; index < Math.max(live.length, durable.length); index += 1) {
    const found = differenceOfTexts(`${where}[${index}]`, live[index], durable[index]);
    if (found) return found;
  }
  return null;
}

/** Compares what a durable actor has done with what live XState did. */
export function differenceOf(live: Observation, durable: Observation): Difference | null {
  return (
    differenceOfActors(live.root, durable.root, "") ??
    differenceOfLists("emitted", live.emitted, durable.emitted) ??
    differenceOfLists("actions", live.actions, durable.actions) ??
    differenceOfLists("results", live.results, durable.results)
  );
}
