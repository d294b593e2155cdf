import type { StateValue } from "xstate";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { checkedFigure } from "./actor/checked-names.ts";
import { checkList } from "./call-options.ts";
import { type DurableMachine, isDurable } from "./definition/durable.ts";
import type { AnyListQuery } from "./engine-api.ts";
import { actorStatuses } from "./journal/entry.ts";
import type { RowQuery } from "./journal/store.ts";
import { stateText } from "./system/tree.ts";

interface NodeLike {
  readonly states: Readonly<Record<string, NodeLike>>;
}

/**
 * The rows that a list asks for. Callers without types may give anything, and an object that reached the database would
 * be an operator of it.
 * @throws LockstepError `bad-argument`
 */
export function rowQueryOf(query: AnyListQuery): RowQuery {
  checkList(query);
  const { state, tag, status, waitingSince, limit = limits.listedActorsMax, after } = query;
  const machine = isDurable(query.machine) ? query.machine : undefined;
  const asked: RowQuery = {
    ...textOf("machine", machine?.name ?? query.machine),
    ...textOf("state", machine === undefined ? state : writtenState(machine, state)),
    ...textOf("tag", tag),
    ...textOf("status", status, actorStatuses),
    ...textOf("after", after),
    ...(waitingSince === undefined ? {} : { sinceMsMax: timeOf(waitingSince) }),
    limit: Math.min(checkedFigure("limit", limit, 1), limits.listedActorsMax),
  };
  if (asked.machine === undefined && (asked.state !== undefined || asked.tag !== undefined)) {
    throw wrong("a machine beside the state or the tag, which belong to one", "none: name it");
  }
  return asked;
}

function textOf<Name extends keyof AnyListQuery, Text extends string>(
  name: Name,
  value: unknown,
  among?: readonly Text[],
): { readonly [Key in Name]?: Text } {
  if (value === undefined) return {};
  const isText =
    typeof value === "string" && (among === undefined || among.includes(value as Text));
  if (isText) return { [name]: value } as { readonly [Key in Name]: Text };
  const found = typeof value === "string" ? JSON.stringify(value) : `the type ${typeof value}`;
  throw wrong(`${name} to be ${among?.join(", ") ?? "a text"}`, found);
}

function timeOf(moment: unknown): number {
  const timeMs = moment instanceof Date ? moment.getTime() : Number.NaN;
  if (Number.isNaN(timeMs)) throw wrong("waitingSince to be a valid Date", String(moment));
  return timeMs;
}

/** A state value as its text. XState has the states of a value in the order of the chart. */
function writtenState({ machine }: DurableMachine, state: StateValue | undefined): unknown {
  return typeof state === "object" && state !== null
    ? stateText(inOrder(machine.root, state))
    : state;
}

function inOrder({ states }: NodeLike, value: StateValue): StateValue {
  if (typeof value === "string") return value;
  const known = Object.keys(states);
  const place = (key: string) => known.indexOf(key);
  const keys = Object.keys(value).toSorted((one, other) => place(one) - place(other));
  return Object.fromEntries(
    keys.map((key) => [key, inOrder(states[key] ?? { states: {} }, value[key] ?? {})]),
  );
}

function wrong(expected: string, found: string): LockstepError {
  return new LockstepError("bad-argument", `list: expected ${expected}, found ${found}`);
}
