// Aim: what the adapter makes of XState: the outcome of an event, and what it refuses by name. Method:
// small machines, each with one thing in it.
import { describe, expect, test } from "vitest";
import { assign, cancel, createMachine, raise, setup } from "xstate";
import { refuseMachine } from "../../src/fleet-engine/refuse-machine.ts";
import {
  firstOutcome,
  inspect,
  nextOutcome,
  rehydrate,
} from "../../src/fleet-engine/xstate-adapter.ts";

const counter = setup({
  types: { context: {} as { count: number }, input: {} as number },
  actions: {
    increase: assign({ count: ({ context }) => context.count + 1 }),
    tell: (_, _params: object) => {},
    plain: () => {},
  },
}).createMachine({
  id: "counter",
  context: ({ input }) => ({ count: input }),
  initial: "on",
  states: {
    on: {
      on: {
        up: { actions: "increase" },
        quiet: {},
        tell: { actions: { type: "tell", params: ({ context }) => ({ count: context.count }) } },
        plain: { actions: "plain" },
        again: { actions: raise({ type: "up" }) },
        wait: { actions: raise({ type: "up" }, { delay: 5 }) },
        inline: { actions: [() => {}] },
        nested: "two",
        end: "off",
      },
    },
    two: { initial: "inner", states: { inner: {} } },
    off: { type: "final" },
  },
});
const first = firstOutcome(counter, 3);
const next = (type: string, ...earlier: readonly string[]) => {
  let { snapshot } = first;
  for (const before of earlier)
    snapshot = nextOutcome(counter, rehydrate(counter, snapshot), { type: before }).snapshot;
  return nextOutcome(counter, rehydrate(counter, snapshot), { type });
};
const contextOf = (snapshot: string) => (JSON.parse(snapshot) as { context: unknown }).context;

test("the first outcome", () => {
  expect(first).toMatchObject({ state: "on", status: "active", asked: [], taken: true });
  expect(contextOf(first.snapshot)).toEqual({ count: 3 });
});

test("an event that changes the context; one that asks; one that only was taken; one that was not", () => {
  expect(contextOf(next("up", "up").snapshot)).toEqual({ count: 5 });
  expect(next("up")).toMatchObject({ taken: true, asked: [] });
  expect(next("tell", "up").asked).toEqual([{ name: "tell", params: { count: 4 } }]);
  expect(next("tell").taken).toBe(true);
  expect(next("plain").asked).toEqual([{ name: "plain", params: {} }]);
  expect(next("unheard-of")).toEqual({ ...first, taken: false });
});

test("a raised event is part of the step, and nothing is asked for", () => {
  expect(next("again").asked).toEqual([]);
  expect(contextOf(next("again").snapshot)).toEqual({ count: 4 });
});

test("a nested state is told as JSON, an end as such", () => {
  expect(next("nested").state).toBe('{"two":"inner"}');
  expect(next("end")).toMatchObject({ state: "off", status: "done" });
});

test("an event that is raised later is asked for", () => {
  const params = { event: { type: "up" }, id: undefined, delay: 5 };
  expect(next("wait").asked).toEqual([{ name: "xstate.raise", params }]);
});

test("an action without a name is refused", () => {
  expect(() => next("inline")).toThrow(expect.objectContaining({ code: "machine-not-supported" }));
});

test("what a guard throws is thrown, on the first step too", () => {
  const explode = () => {
    throw new Error("a guard that throws");
  };
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: { a: { on: { go: { guard: explode, target: "b" } } }, b: {} },
  });
  const { snapshot } = firstOutcome(machine, undefined);
  expect(() => nextOutcome(machine, rehydrate(machine, snapshot), { type: "go" })).toThrow(
    /a guard that throws/,
  );
  const broken = createMachine({ id: "m", context: explode });
  expect(() => firstOutcome(broken, undefined)).toThrow(/a guard that throws/);
});

describe("what a machine is made of", () => {
  test("its actions by name, once, wherever they are; what it notes is none", () => {
    const machine = setup({
      actions: {
        enter: () => {},
        leave: () => {},
        act: () => {},
        eager: () => {},
        inner: () => {},
        everywhere: () => {},
        note: assign({}),
      },
    }).createMachine({
      id: "m",
      initial: "s",
      on: { any: { actions: "everywhere" } },
      states: {
        s: {
          entry: ["enter", { type: "note" }],
          exit: "leave",
          always: { guard: () => false, actions: "eager", target: "t" },
          on: { go: { actions: ["act", "enter"], target: "t" } },
        },
        t: { initial: "u", states: { u: { entry: "inner" } } },
      },
    });
    const { actions, refused } = inspect(machine);
    expect(refused).toEqual([]);
    expect(actions.toSorted()).toEqual(["act", "eager", "enter", "everywhere", "inner", "leave"]);
  });

  test.each<[string, object, readonly string[]]>([
    ["invoke", { invoke: { src: "x" } }, ["m.s: invoke"]],
    ["after", { after: { 10: "t" } }, []],
    ["a timer of its own", { entry: raise({ type: "go" }, { delay: 5 }), exit: cancel("x") }, []],
    ["an inline entry", { entry: () => {} }, ["m.s: entry"]],
    ["an inline exit", { exit: () => {} }, ["m.s: exit"]],
    ["a function without a name", { entry: [() => {}] }, ["m.s: (anonymous)"]],
    ["an inline action", { on: { go: { actions: [() => {}] } } }, ["m.s: (anonymous)"]],
    [
      "an eager inline action",
      { always: { guard: () => false, actions: [() => {}] } },
      ["m.s: (anonymous)"],
    ],
    ["a note of its own", { entry: assign({}) }, []],
    ["none", {}, []],
  ])("refused by name: %s", (_name, state, refused) => {
    const machine = createMachine({ id: "m", initial: "s", states: { s: state, t: {} } });
    expect(inspect(machine).refused).toEqual(refused);
    const refuse = () => refuseMachine("m", { machine, protocol: 1 }, {});
    if (refused.length === 0) expect(refuse).not.toThrow();
    else {
      expect(refuse).toThrow(
        expect.objectContaining({
          code: "machine-not-supported",
          details: { machine: "m", refused },
        }),
      );
    }
  });
});
