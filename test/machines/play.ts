import type { AnyStateMachine, EventObject } from "xstate";
import {
  type Asked,
  firstOutcome,
  nextOutcome,
  rehydrate,
} from "../../src/fleet-engine/xstate-adapter.ts";

/** Where a machine stands after events, and what the last one did. */
export interface Played {
  readonly state: string;
  readonly context: Readonly<Record<string, unknown>>;
  /** The part of the context that the last event changed. */
  readonly changed: Readonly<Record<string, unknown>>;
  readonly asked: readonly Asked[];
}

const contextOf = (snapshot: string) =>
  (JSON.parse(snapshot) as { context: Record<string, unknown> }).context;

/** A machine from its beginning through events, each by the pure core. */
export function play(
  machine: AnyStateMachine,
  input: unknown,
  events: readonly EventObject[],
): Played {
  let outcome = firstOutcome(machine, input);
  let before = "{}";
  for (const event of events) {
    before = outcome.snapshot;
    outcome = nextOutcome(machine, rehydrate(machine, before), event);
  }
  const context = contextOf(outcome.snapshot);
  const old = contextOf(before) ?? {};
  const changed = Object.entries(context).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(old[key]),
  );
  const { state, asked } = outcome;
  return { state, context, changed: Object.fromEntries(changed), asked };
}
