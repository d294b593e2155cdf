import type { Reason } from "../errors.ts";
import {
  anything,
  count,
  fields,
  figure,
  list,
  oneOf,
  optional,
  record,
  type Shape,
  text,
} from "../shape.ts";
import type { Effect, Entry, Owner, Timer } from "./store.ts";

const role = fields<Owner & { kind: "role" }>({ kind: oneOf("role"), role: text });
const pinned = fields<Owner & { kind: "pinned" }>({ kind: oneOf("pinned"), agent: text });
const owner: Shape = (value, path) =>
  (value as Owner | null | undefined)?.kind === "pinned" ? pinned(value, path) : role(value, path);

const event = fields<Entry["event"]>({ type: text });
const timer = fields<Timer>({ id: text, name: text, event, dueAt: figure });
/** The shape of a reason, wherever one is kept. */
export const reasonShape = fields<Reason>({ code: text, message: text, details: record(anything) });
const effect = fields<Effect>({ id: text, name: text, params: record(anything) });

/** True for the value of an owner. */
export function isOwner(value: unknown): value is Owner {
  return owner(value, "owner") === null;
}

/** True once an actor can move no more. */
export function isAtEnd({ status }: { readonly status: unknown }): boolean {
  return status === "done" || status === "error";
}

/** The fields of an entry on which every build relies. */
export const entryShape = fields<Entry>({
  actor: text,
  revision: count,
  machine: text,
  owner,
  event,
  outcome: oneOf("applied", "ignored", "rejected", "takeover"),
  snapshot: text,
  state: text,
  status: oneOf("active", "done", "error"),
  timers: list(timer),
  effects: list(effect),
  reason: optional(reasonShape),
  eventKey: optional(text),
  epoch: figure,
  protocol: count,
  build: optional(text),
  by: optional(text),
  at: figure,
});
