// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: what other people's charts have, and ours have not, is kept as live XState has it, or refused where it can be
// seen. Method: one test a feature; the actor's process is killed after each call.
import { describe, expect, test } from "vitest";
import { and, assign, createActor, fromPromise, not, raise, spawnChild, stateIn } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { crashAnywhere } from "../../../src/engine/testing/crash-anywhere.ts";
import { names } from "../api/failing-actors.ts";
import { chart } from "../migration/migrating.ts";
import { restarted } from "../worker/restarted.ts";

const declared = (machine: any, options: object = {}): any =>
  durable(machine, { ...names, ...options } as any);

describe("a dot in the id of a machine or a state", () => {
  const remembering = (id: string, history: string) =>
    chart({
      ...{ id, initial: "in" },
      states: {
        in: {
          initial: "one",
          states: { one: { on: { NEXT: "two" } }, two: {}, back: { type: "history", history } },
          on: { OUT: "away" },
        },
        away: { on: { BACK: "in.back" } },
      },
    });

  test.each(["shallow", "deep"])("a %s history remembers its states", async (history) => {
    const actor = await restarted(remembering("acme.order.v1", history));
    for (const type of ["NEXT", "OUT", "BACK"]) await actor.send({ type });
    expect((await actor.get()).value).toEqual({ in: "two" });
  });

  test("regions act in the order in which they were entered", async () => {
    const note = (name: string) =>
      assign({ seen: ({ context }: any) => [...context.seen, name] } as any);
    const machine = chart({
      ...{ id: "acme.order.v1", type: "parallel", context: { seen: [] } },
      states: {
        one: {
          initial: "x",
          states: {
            x: { on: { AGAIN: "y" } },
            y: { id: "the.second", on: { ACT: { actions: note("one") } } },
          },
        },
        two: { tags: "second", on: { ACT: { actions: note("two") } } },
      },
    } as any);
    const events = [{ type: "AGAIN" }, { type: "ACT" }];
    const live = createActor(machine).start();
    const actor = await restarted(machine);
    for (const event of events) {
      live.send(event as never);
      await actor.send(event);
    }
    const { value, context, tags } = await actor.get();
    const expected: any = live.getSnapshot();
    expect({ value, context }).toEqual({ value: expected.value, context: expected.context });
    expect(Object.keys(value)).toEqual(Object.keys(expected.value));
    expect([...tags]).toEqual(["second"]);
  });
});

describe("a machine that an `invoke` has inline", () => {
  const parent = (child: object, setup: object = {}) =>
    chart({
      ...{ id: "parent", initial: "busy" },
      states: {
        busy: { invoke: { id: "kid", src: chart(child, setup), onDone: "over" } },
        over: {},
      },
    } as any);

  test("is refused by its own path where it cannot be kept", () => {
    const inline = fromPromise(async () => 1);
    expect(() => declared(parent({ id: "c", entry: spawnChild(inline, { id: "x" }) }))).toThrow(
      /m › kid: state c spawns inline logic.*name it in/,
    );
    expect(() => declared(parent({ id: "c", entry: "nobody" }))).toThrow(
      /m › kid: state c asks for the action "nobody", which nothing implements/,
    );
  });

  test("has its tasks and its durable actions declared at the root", async () => {
    const child = {
      ...{ initial: "charging", entry: { type: "mail", params: { to: "a" } } },
      states: {
        charging: { invoke: { src: "charge", onDone: "paid" } },
        paid: { type: "final" },
      },
    };
    const sent: unknown[] = [];
    const machine = declared(parent(child), {
      tasks: { charge: { run: async () => "paid" } },
      actions: { mail: async (params: unknown) => void sent.push(params) },
    });
    const reset = () => void sent.splice(0);
    const { runs } = await crashAnywhere(machine, [{ elapse: "1s" }], { reset });
    expect(runs).toBeGreaterThan(5);
    expect(sent).toContainEqual({ to: "a" });
  });
});

describe("names that nothing implements are refused at the declaration", () => {
  test("an action of an initial transition", async () => {
    const machine = (action: unknown) =>
      chart(
        {
          ...{ id: "c", initial: { target: "a", actions: action } },
          states: { a: {} },
        } as any,
        { actors: { work: fromPromise(async () => 1) } },
      );
    expect(() => declared(machine("nobody"))).toThrow(/state c asks for the action "nobody"/);
    expect(() => declared(machine(spawnChild("work")))).toThrow(/state c spawns "work" without/);
    const sent: string[] = [];
    const mail = async () => void sent.push("mail");
    const actor = await restarted(machine("mail"), { actions: { mail } } as any);
    await actor.settle();
    expect(sent).toEqual(["mail"]);
  });

  test("a guard, also within other guards", () => {
    const guarded = (guard: unknown, guards: object = {}) =>
      chart(
        {
          id: "c",
          initial: "a",
          states: { a: { on: { GO: { target: "b", guard } } }, b: {} },
        } as any,
        { guards } as any,
      );
    const refusal =
      /state c.a asks for the guard "nobody", which nothing implements: add it to `setup/;
    for (const guard of [
      "nobody",
      { type: "nobody" },
      not("nobody"),
      and([() => true, "nobody"]),
    ]) {
      expect(() => declared(guarded(guard))).toThrow(refusal);
    }
    expect(() => declared(guarded("outer", { outer: not("nobody") }))).toThrow(refusal);
    const known = { inner: () => true, outer: and(["inner", stateIn("#c.a")]), self: not("self") };
    for (const guard of ["inner", "outer", "self"]) declared(guarded(guard, known));
  });

  test("a delay, for which XState would not wait at all", () => {
    const refusal =
      /state c.a asks for the delay "soon", which nothing implements.*setup\(\{ delays/;
    const waiting = (a: object, delays: object = {}) =>
      chart({ id: "c", initial: "a", states: { a, b: {} } } as any, { delays } as any);
    expect(() => declared(waiting({ after: { soon: "b" } }))).toThrow(refusal);
    expect(() =>
      declared(waiting({ entry: raise({ type: "X" }, { delay: "soon" } as any) })),
    ).toThrow(refusal);
    declared(waiting({ after: { soon: "b", 5: "b" } }, { soon: 10 }));
  });
});

test("a function that is written inline stays itself where a durable action has its name", async () => {
  const did: string[] = [];
  const inline = { mail: () => void did.push("inline") }.mail;
  const machine = chart({
    initial: "a",
    states: { a: { entry: inline, on: { GO: "b" } }, b: { entry: { type: "mail" } } },
  } as any);
  const mail = async () => void did.push("durable");
  const actor = await restarted(machine, { actions: { mail } } as any);
  expect(did).toEqual(["inline"]);
  await actor.send({ type: "GO" });
  await actor.settle();
  expect(did).toEqual(["inline", "durable"]);
});

test("an event leads to a state that has a `route`, also after a restart", async () => {
  const actor = await restarted(
    chart({
      ...{ id: "c", initial: "a", context: { isReady: false } },
      on: { READY: { actions: assign({ isReady: true } as any) } },
      states: {
        a: {},
        b: { id: "b", route: {} },
        c: { id: "c-state", route: { guard: ({ context }: any) => context.isReady } },
      },
    } as any),
  );
  const go = (to: string) => actor.send({ type: "xstate.route", to } as any);
  expect(await go("#c-state")).toMatchObject({ outcome: "ignored", state: "a" });
  await actor.send({ type: "READY" });
  expect(await go("#c-state")).toMatchObject({ outcome: "applied", state: "c" });
  expect(await go("#b")).toMatchObject({ outcome: "applied", state: "b" });
  expect(await go("#nowhere")).toMatchObject({ outcome: "ignored", state: "b" });
});

test("a child runs its own logic where its parent has another of the same name", async () => {
  const answering = (answer: string) => fromPromise(async () => answer);
  const child = chart(
    {
      ...{ initial: "busy", context: { got: null }, output: ({ context }: any) => context.got },
      states: {
        busy: {
          invoke: {
            src: "work",
            onDone: { target: "over", actions: assign({ got: ({ event }: any) => event.output }) },
          },
        },
        over: { type: "final" },
      },
    } as any,
    { actors: { work: answering("of the child") } },
  );
  const machine = chart(
    {
      context: { got: [] },
      invoke: ["work", "child"].map((src) => ({
        ...{ src, id: src },
        onDone: {
          actions: assign({ got: ({ context, event }: any) => [...context.got, event.output] }),
        },
      })),
    } as any,
    { actors: { work: answering("of the parent"), child } },
  );
  for (const tasks of [{}, { work: {} }]) {
    const actor = await restarted(machine, { tasks } as any);
    await actor.settle();
    await actor.settle();
    expect((await actor.get()).context.got.toSorted()).toEqual(["of the child", "of the parent"]);
  }
});
