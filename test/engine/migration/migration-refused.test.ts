// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: an actor that would lose anything stays as it is, and each reason is named. Method: an actor of one chart is brought
// into another one with one fault, with the old chart registered and without it.
import { describe, expect, test } from "vitest";
import { fromPromise } from "xstate";
import { actorOf, chart, migrate, version } from "./migrating.ts";

const both = [{ isKnown: true }, { isKnown: false }];
const promise = fromPromise(async () => {});

describe.each(both)("with the chart before: $isKnown", (known) => {
  const simple = (states: object, parts: object = {}) =>
    chart({ id: "m", initial: Object.keys(states)[0], states }, parts as any);

  test.each<[string, any, any, any]>([
    ["a state that maps to null", ["state-lost"], simple({ a: {} }), { state: () => null }],
    ["a state that is gone", ["state-lost"], simple({ b: {} }), {}],
    ["a path that is no text", ["state-lost"], simple({ b: {} }), { state: () => 5 }],
    [
      "a function of states that throws",
      ["state-lost"],
      simple({ a: {} }),
      {
        state: () => {
          throw new Error("no");
        },
      },
    ],
    [
      "a final state",
      ["state-lost"],
      simple({ a: {}, z: { type: "final" } }),
      { state: () => "z" },
    ],
    [
      "a state whose initial one is final",
      ["state-lost"],
      simple({ a: { initial: "z", states: { z: { type: "final" } } } }),
      {},
    ],
    [
      "a history state",
      ["state-lost"],
      simple({ a: { initial: "i", states: { i: {}, h: { type: "history" } } } }),
      { state: () => "a.h" },
    ],
    [
      "a function of contexts that throws",
      ["context-not-mapped"],
      simple({ a: {} }),
      {
        context: () => {
          throw new Error("no");
        },
      },
    ],
    [
      "a context that is none",
      ["context-not-mapped"],
      simple({ a: {} }),
      { context: () => undefined },
    ],
    [
      "a context that cannot be kept",
      ["context-not-mapped"],
      simple({ a: {} }),
      { context: () => ({ f: () => {} }) },
    ],
    [
      "a context in a promise",
      ["context-not-mapped"],
      simple({ a: {} }),
      { context: async () => ({}) },
    ],
    [
      "two troubles at once",
      ["state-lost", "context-not-mapped"],
      simple({ b: {} }),
      { context: () => 5 },
    ],
  ])("%s keeps an actor back", (_, kinds, machine, migration) => {
    const old = version("1.0.0", simple({ a: {} }));
    const next = version("2.0.0", machine, { migrate: { "1.0.0": migration } });
    const result = migrate(actorOf(old), [old, next], known);
    expect(result.kinds).toEqual(kinds);
    expect(result.passed).toBeNull();
  });

  test("two regions cannot become two states of one parent", () => {
    const old = version("1.0.0", chart({ id: "m", type: "parallel", states: { a: {}, b: {} } }));
    const next = version("2.0.0", simple({ a: {}, b: {} }), { migrate: { "1.0.0": {} } });
    expect(migrate(actorOf(old), [old, next], known).kinds).toEqual(["state-lost"]);
  });

  test.each<[string, any, any, any, any]>([
    ["a source that is gone", ["child-lost"], { actors: { work: promise } }, {}, {}],
    [
      "a source that became a machine",
      ["child-lost"],
      { actors: { work: promise } },
      { actors: { work: chart({}) } },
      {},
    ],
    [
      "a machine that lost its state",
      ["state-lost"],
      { actors: { work: chart({ id: "k", initial: "a", states: { a: {} } }) } },
      { actors: { work: chart({ id: "k", initial: "b", states: { b: {} } }) } },
      {},
    ],
  ])("%s keeps an actor back", (_, kinds, before, after, options) => {
    const states = { a: { invoke: { src: "work", id: "w" } } };
    const old = version("1.0.0", simple(states, before));
    const isGone = Object.keys(after).length === 0;
    const next = version("2.0.0", isGone ? simple({ a: {} }) : simple(states, after), {
      ...options,
      migrate: { "1.0.0": {} },
    });
    expect(migrate(actorOf(old), [old, next], known).kinds).toEqual(kinds);
  });

  test("a task or an action that the new version does not have keeps an actor back", () => {
    const states = { a: { entry: "mail", invoke: { src: "work" } } };
    const parts = { actors: { work: promise }, actions: { mail: () => {} } };
    const old = version("1.0.0", simple(states, parts), {
      tasks: { work: {} },
      actions: { mail: async () => {} },
    });
    const next = version("2.0.0", simple(states, parts), { migrate: { "1.0.0": {} } });
    const result = migrate(actorOf(old), [old, next], known);
    expect(result.troubles.map(({ trouble, what }) => `${trouble} ${what}`)).toEqual([
      "work-lost /0.m.a: work",
      "work-lost : mail",
    ]);
  });

  test("live work can become a task", () => {
    const machine = simple({ a: { invoke: { src: "work" } } }, { actors: { work: promise } });
    const old = version("1.0.0", machine);
    const next = version("2.0.0", machine, { tasks: { work: {} }, migrate: { "1.0.0": {} } });
    expect(migrate(actorOf(old), [old, next], known).passed?.work).toMatchObject([
      { kind: "task" },
    ]);
  });
});

test("an invoke that no state has any more keeps an actor back, where the old chart is known", () => {
  const parts = { actors: { work: promise } };
  const old = version(
    "1.0.0",
    chart({ initial: "a", states: { a: { invoke: { src: "work", id: "w" } } } }, parts),
  );
  const next = version("2.0.0", chart({ initial: "a", states: { a: {} } }, parts), {
    migrate: { "1.0.0": {} },
  });
  expect(migrate(actorOf(old), [old, next]).kinds).toEqual(["child-lost"]);
});
