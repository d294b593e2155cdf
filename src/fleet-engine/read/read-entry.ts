import type { AnyStateMachine } from "xstate";
import { LockstepError } from "../../errors.ts";
import { entryShape } from "../../journal/entry-shape.ts";
import type { Entry } from "../../journal/store.ts";
import { described, type Shape } from "../../shape.ts";
import { readSnapshot, takesEvent } from "../xstate-adapter.ts";

/** The facts of a machine that a build needs to read its entries. */
export interface Readable {
  readonly machine: AnyStateMachine;
  readonly protocol: number;
  /** The shape that its context must have. */
  readonly context?: Shape;
  /** The effects that it may leave pending, by name. */
  readonly effects: Readonly<Record<string, unknown>>;
  /** The machine as earlier releases shipped it. An actor ends in the protocol in which it began. */
  readonly earlier?: readonly Readable[];
}

/** The machine of a name, in a protocol or in the latest. It is undefined where this build has none. */
export function findMachine<Known extends Readable & { readonly earlier?: readonly Known[] }>(
  machines: Readonly<Record<string, Known>>,
  name: string,
  protocol?: number,
): Known | undefined {
  const latest = Object.hasOwn(machines, name) ? machines[name] : undefined;
  if (latest === undefined || protocol === undefined) return latest;
  return [latest, ...(latest.earlier ?? [])].find((known) => known.protocol === protocol);
}

type Read = { readonly context: unknown } | { readonly trouble: string };

function readWith(known: Readable, entry: Entry): Read {
  const read = readSnapshot(known.machine, entry);
  if ("trouble" in read) return read;
  const wrong = known.context?.(read.context, "the snapshot's context") ?? null;
  if (wrong !== null) return { trouble: wrong };
  const effect = entry.effects.find(({ name }) => !Object.hasOwn(known.effects, name));
  if (effect) return { trouble: `effects: expected one that is known, found "${effect.name}"` };
  const timer = entry.timers.find(({ event }) => !takesEvent(known.machine, event.type));
  if (timer) {
    return { trouble: `timers: expected an event that is known, found "${timer.event.type}"` };
  }
  return read;
}

function read(machines: Readonly<Record<string, Readable>>, entry: Entry): Read {
  const wrong = entryShape(entry, "");
  if (wrong !== null) return { trouble: wrong };
  const latest = findMachine(machines, entry.machine);
  if (latest === undefined) {
    const known = Object.keys(machines).join(", ");
    return { trouble: `machine: expected one of ${known}, found "${entry.machine}"` };
  }
  const known = findMachine(machines, entry.machine, entry.protocol);
  if (known === undefined) {
    const protocols = [latest, ...(latest.earlier ?? [])].map(({ protocol }) => protocol);
    return { trouble: `protocol: expected ${protocols.join(" or ")}, found ${entry.protocol}` };
  }
  return readWith(known, entry);
}

/** The error of an entry that this build cannot read. It names the build that can, where that is known. */
export function notReadable(entry: Entry, trouble: string): LockstepError {
  const { actor, revision, machine, protocol } = entry;
  const build = typeof entry.build === "string" ? entry.build : null;
  const writer =
    build === null
      ? "start the version that wrote it"
      : `it was written by ${build}, which can: start that version`;
  const name = typeof actor === "string" ? actor : described(actor);
  return new LockstepError(
    "entry-not-readable",
    `this build cannot read the journal entry ${name}@${described(revision)}, and leaves it alone: ${trouble}: ${writer}`,
    { actor, revision, machine, protocol, build },
  );
}

/** The context in an entry, or why this build cannot read it. Pure. */
export function readEntry(
  machines: Readonly<Record<string, Readable>>,
  entry: Entry,
): { readonly context: unknown } | LockstepError {
  const result = read(machines, entry);
  return "trouble" in result ? notReadable(entry, result.trouble) : result;
}
