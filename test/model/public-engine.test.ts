// Aim: the charts of an upgrade are ordinary charts: the public engine runs them as live XState does, deadlines included,
// and whatever is killed on the way. Method: the shortest way to each state, then the time of its deadline, played with a
// crash at every write and between any two events.
import { expect, test } from "vitest";
import { durable } from "../../src/engine/definition/durable.ts";
import { crashAnywhere } from "../../src/engine/testing/crash-anywhere.ts";
import { cases } from "./cases.ts";
import { waysOf } from "./paths.ts";

test.each(cases)("$name", async (model) => {
  const { machine, input } = model;
  const asked = Object.entries(machine.implementations.actions)
    .filter(([, action]) => !("resolve" in (action as object)))
    .map(([name]) => [name, async () => {}] as const);
  const actor = durable(machine, {
    ...{ name: model.name, version: "1.0.0", actions: Object.fromEntries(asked) },
  });
  const ways = waysOf(model);
  for (const way of ways.values()) {
    const script = [...way.map((event) => ({ send: event })), { elapse: "10ms" } as const];
    const report = await crashAnywhere(actor, script, { input: input as never });
    // The start and each event are a write at least, and each of them is a place to be killed in three ways.
    expect(report.runs).toBeGreaterThan(3 * way.length);
  }
  expect([...ways.keys()].toSorted()).toEqual(Object.keys(machine.states).toSorted());
});
