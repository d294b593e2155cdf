// Aim: the coordinator is an ordinary chart: live XState keeps its deadlines, without the engine. Method: the machine in
// `createActor` on a simulated clock, with the deadlines of the other tests.
import { expect, test } from "vitest";
import { createActor, type EventObject, SimulatedClock } from "xstate";
import { upgradeMachine } from "../../machines/upgrade.ts";
import type { UpgradeInput } from "../../machines/upgrade-context.ts";
import { event, input, migrating, of } from "./upgrade-ways.ts";

function live(...events: readonly EventObject[]) {
  const clock = new SimulatedClock();
  const actor = createActor(upgradeMachine, { input: input as UpgradeInput, clock }).start();
  const send = (each: EventObject) => actor.send(each as never);
  for (const each of events) send(each);
  return {
    send,
    after(milliseconds: number) {
      clock.increment(milliseconds);
      const { value, context } = actor.getSnapshot();
      return [value, context.reason?.code ?? null];
    },
  };
}

test("the deadline of the first state passes", () => {
  const { after } = live();
  expect(after(0)).toEqual(["waiting", null]);
  expect(after(1)).toEqual(["rolling-back", "timeout"]);
});

test("each batch arms the deadline anew, and the next state another one", () => {
  const { send, after } = live(...migrating);
  expect(after(5)).toEqual(["migrating", null]);
  send(event("progressSeen"));
  expect(after(5)).toEqual(["migrating", null]);
  send(event("migrationDone"));
  expect(after(3)).toEqual(["awaiting-peers", null]);
  expect(after(1)).toEqual(["rolling-back", "timeout"]);
});

test("the deadline of a silent agent is over once it is heard", () => {
  const { send, after } = live(...migrating, of("participantSilent", "a2"));
  expect(after(5)).toEqual(["migrating", null]);
  send(event("progressSeen"));
  send(of("participantHeard", "a2"));
  send(of("participantSilent", "a1"));
  expect(after(5)).toEqual(["migrating", null]);
  send(event("progressSeen"));
  expect(after(1)).toEqual(["migrating", null]);
  expect(after(1)).toEqual(["rolling-back", "agent-silent"]);
});
