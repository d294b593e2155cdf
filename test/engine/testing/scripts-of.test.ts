// Aim: the scripts lead through all transitions of a chart. Method: a small order, whose scripts are compared, and played
// with a crash at every write.
import { expect, test } from "vitest";
import { fromPromise, setup } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { crashAnywhere } from "../../../src/engine/testing/crash-anywhere.ts";
import { scriptsOf } from "../../../src/engine/testing/scripts-of.ts";

const order = durable(
  setup({
    types: {} as { events: { type: "PAID"; by: string } | { type: "CANCEL" } },
    delays: { grace: () => 50 },
    actors: { charge: fromPromise(async () => {}) },
  }).createMachine({
    initial: "open",
    states: {
      open: { on: { PAID: "charging", CANCEL: "cancelled" }, after: { 60000: "expired" } },
      charging: { invoke: { src: "charge", onDone: "paid" } },
      paid: { after: { grace: "settled" }, on: { CANCEL: "cancelled" } },
      settled: { type: "final" },
      cancelled: { type: "final" },
      expired: { type: "final" },
    },
  }),
  { name: "order", version: "1.0.0", tasks: { charge: { run: async () => {} } } },
);
const paid = { type: "PAID", by: "card" } as const;
const cancel = { type: "CANCEL" } as const;

test("each transition has a script, and each survives a crash at every write", async () => {
  const scripts = scriptsOf(order, { events: [paid, cancel] });
  expect(scripts).toContainEqual([{ elapse: 60_000 }]);
  expect(scripts).toContainEqual([{ send: paid }, { elapse: 50 }]);
  expect(scripts).toContainEqual([{ send: paid }, { send: cancel }]);
  expect(scripts).toContainEqual([{ send: cancel }, { send: paid }]);
  for (const script of scripts) {
    const report = await crashAnywhere(order, script);
    expect(report.runs).toBeGreaterThan(report.writes.length);
  }
});

test("a deadline on the way goes by in full", () => {
  const door = durable(
    setup({ types: {} as { events: { type: "PUSH" } } }).createMachine({
      initial: "shut",
      states: { shut: { after: { 7000: "open" } }, open: { on: { PUSH: "broken" } }, broken: {} },
    }),
    { name: "door", version: "1.0.0" },
  );
  const push = { type: "PUSH" } as const;
  expect(scriptsOf(door, { events: [push] })).toContainEqual([{ elapse: 7_000 }, { send: push }]);
});

test("a chart with more states than allowed is refused", () => {
  expect(() => scriptsOf(order, { events: [paid, cancel], statesMax: 2 })).toThrow(/limit/);
});
