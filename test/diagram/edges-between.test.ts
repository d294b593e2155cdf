// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: two states and an event tell the edges between them, as far as they can. Method: small charts; and walks
// through a flat one, of which XState says which edges it took.
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, createActor, createMachine } from "xstate";
import { edgesBetween, typedChartOf } from "../../src/diagram/edges-between.ts";
import { takenEdges } from "../../src/diagram/taken-edges.ts";
import { activeStatesOf } from "../../src/operator/actors/state-names.ts";

const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** The edges between each two states of a walk, as its journal tells them. */
function walk(machine: AnyStateMachine, events: readonly string[]): readonly (readonly string[])[] {
  const actor = createActor(machine).start();
  const typed = typedChartOf(machine);
  const stateNow = () => activeStatesOf(textOf(actor.getSnapshot().value));
  return events.map((type) => {
    const before = stateNow();
    actor.send({ type });
    return edgesBetween(typed, before, type, stateNow());
  });
}

describe("the edges between two states", () => {
  test("one for each event, also where it leads back to its state or only notes something", () => {
    const machine = createMachine({
      initial: "open",
      states: {
        open: { on: { PAY: "paid", AGAIN: { target: "open", reenter: true }, NOTE: {} } },
        paid: { on: { UNDO: "open" } },
      },
    });
    expect(walk(machine, ["AGAIN", "NOTE", "PAY", "UNDO", "NO"])).toEqual([
      ["open AGAIN -> open"],
      ["open NOTE -> open"],
      ["open PAY -> paid"],
      ["paid UNDO -> open"],
      [],
    ]);
  });

  test("those that follow by themselves: a guard alone, and the end of a state's inner states", () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: { on: { GO: "b", DEEP: "c" } },
        b: { always: [{ guard: () => true, target: "d" }] },
        c: { initial: "x", states: { x: { type: "final" } }, onDone: "d" },
        d: { on: { BACK: "a" } },
      },
    } as any);
    expect(walk(machine, ["GO", "BACK", "DEEP"])).toEqual([
      ["a GO -> b", "b always guard -> d"],
      ["d BACK -> a"],
      ["a DEEP -> c", "c done -> d"],
    ]);
  });

  test("within a state, out of it, into its history, and from any state", () => {
    const machine = createMachine({
      initial: "off",
      on: { RESET: ".off" },
      states: {
        off: { on: { ON: "on", RESUME: "on.last" } },
        on: {
          initial: "low",
          on: { TURN: ".low", OFF: "off" },
          states: {
            low: { on: { TURN: "high" } },
            high: {},
            last: { type: "history" },
          },
        },
      },
    } as any);
    expect(walk(machine, ["ON", "TURN", "OFF", "RESUME", "TURN", "RESET"])).toEqual([
      ["off ON -> on"],
      ["on.low TURN -> on.high"],
      ["on OFF -> off"],
      ["off RESUME -> on.last"],
      ["on TURN -> on.low"],
      ["* RESET -> off"],
    ]);
  });

  test("one in each region of a parallel state", () => {
    const region = {
      initial: "none",
      states: { none: { on: { BOTH: "full", "X.*": "full" } }, full: {} },
    };
    const machine = createMachine({
      type: "parallel",
      states: { car: region, hotel: region },
    } as any);
    expect(walk(machine, ["BOTH"])).toEqual([
      ["car.none BOTH -> car.full", "hotel.none BOTH -> hotel.full"],
    ]);
    expect(walk(machine, ["X.1"])[0]).toEqual([
      "car.none X.* -> car.full",
      "hotel.none X.* -> hotel.full",
    ]);
  });

  test("all that the states cannot tell apart; none where they tell nothing", () => {
    const machine = createMachine({
      initial: "a",
      states: {
        a: { on: { GO: [{ guard: "big", target: "b" }, { target: "b" }] } },
        b: {},
        c: {},
      },
    } as any);
    const typed = typedChartOf(machine);
    expect(edgesBetween(typed, ["a"], "GO", ["b"])).toEqual(["a GO big -> b", "a GO -> b"]);
    expect(edgesBetween(typed, ["a"], "GO", ["c"])).toEqual([]);
    expect(edgesBetween(typed, ["a"], "xstate.done.actor.x", ["b"])).toEqual([]);
  });

  test("a ring of guards comes to an end", () => {
    const ring = (target: string) => ({ always: [{ guard: () => false, target }] });
    const machine = createMachine({
      initial: "a",
      states: { a: { on: { GO: "b" } }, b: ring("c"), c: ring("b"), d: {} },
    } as any);
    expect(edgesBetween(typedChartOf(machine), ["a"], "GO", ["d"])).toEqual([]);
  });
});

test("of a flat machine, all edges that XState took are among them", () => {
  const machine = createMachine({
    initial: "a",
    states: {
      a: { on: { X: "b", Y: [{ guard: () => false, target: "c" }, { target: "d" }] } },
      b: { always: "c", on: { Z: "a" } },
      c: { on: { X: "a", Y: "d", Z: { target: "c", reenter: true } } },
      d: { on: { "*": "a" } },
    },
  } as any);
  const actor = createActor(machine).start();
  const typed = typedChartOf(machine);
  for (let at = 0; at < 81; at += 1) {
    for (const place of [1, 3, 9, 27]) {
      const type = ["X", "Y", "Z"][Math.floor(at / place) % 3] ?? "";
      const snapshot = JSON.stringify(actor.getPersistedSnapshot());
      const before = [String(actor.getSnapshot().value)];
      actor.send({ type });
      const after = [String(actor.getSnapshot().value)];
      const took = takenEdges(machine, snapshot, { type }).map((key) =>
        key.replace(" * ", " any event "),
      );
      expect(edgesBetween(typed, before, type, after)).toEqual(expect.arrayContaining(took));
    }
  }
});
