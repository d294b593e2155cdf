// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: an actor goes on in a newer version where its old one has left it, or stays as it is and says why. Method: an
// actor of one chart is brought into another one, with the old chart registered and without it.
import { describe, expect, test } from "vitest";
import { assign, fromCallback, fromPromise, fromTransition, sendParent, spawnChild } from "xstate";
import { actorOf, chart, migrate, version } from "./migrating.ts";

const both = [{ isKnown: true }, { isKnown: false }];
const promise = fromPromise(async () => {});

describe.each(both)("with the chart before: $isKnown", (known) => {
  test("a renamed state keeps its deadline, its task and the result of that", () => {
    const old = version(
      "1.0.0",
      chart(
        {
          id: "m",
          initial: "paying",
          states: {
            paying: {
              initial: "card",
              after: { 500: "late" },
              states: {
                card: {
                  after: { 60000: "slow", soon: "slow" },
                  invoke: { src: "charge", onDone: "done" },
                },
                done: {},
                slow: {},
              },
            },
            late: {},
          },
        },
        { actors: { charge: promise }, delays: { soon: 5 } },
      ),
      { tasks: { charge: { run: async () => {} } } },
    );
    const next = version(
      "2.0.0",
      chart(
        {
          id: "m",
          initial: "payment",
          states: {
            payment: {
              initial: "byCard",
              after: { 500: "late" },
              states: {
                byCard: {
                  after: { 60000: "slow" },
                  invoke: { src: "charge", onDone: "paid" },
                },
                paid: {},
                slow: {},
              },
            },
            late: {},
          },
        },
        { actors: { charge: promise } },
      ),
      {
        tasks: { charge: { run: async () => {} } },
        migrate: { "1.0.0": { state: () => "payment.byCard" } },
      },
    );
    const result = migrate(actorOf(old), [old, next], known);
    expect(result.troubles).toEqual([]);
    expect(
      result.passed?.timers.map(({ sendId, eventType, event, dueAtMs }) => [
        sendId,
        eventType,
        event,
        dueAtMs,
      ]),
    ).toEqual([
      [
        "xstate.after.500.m.payment",
        "xstate.after.500.m.payment",
        '{"type":"xstate.after.500.m.payment"}',
        500,
      ],
      [
        "xstate.after.60000.m.payment.byCard",
        "xstate.after.60000.m.payment.byCard",
        '{"type":"xstate.after.60000.m.payment.byCard"}',
        60000,
      ],
    ]);
    expect(result.passed?.dropped).toEqual(["xstate.after.soon.m.paying.card"]);
    expect(result.passed?.work).toMatchObject([
      { id: "a/0/0/0", kind: "task", name: "charge", path: "/0.m.payment.byCard" },
    ]);
    expect(result.misses).toEqual([]);
    const after = result
      .revive()
      .run(
        { kind: "settled", workId: "a/0/0/0", settled: { kind: "done", output: 1 } },
        { actor: "a", startedAtMs: 0, revision: 9, nowMs: 9 },
      );
    expect(after.state).toBe('{"payment":"paid"}');
    expect(after.timers.map(({ eventType }) => eventType)).toEqual(["xstate.after.500.m.payment"]);
    const late = result
      .revive()
      .run(
        { kind: "timer", id: result.passed?.timers[0]?.id ?? "" },
        { actor: "a", startedAtMs: 0, revision: 9, nowMs: 9 },
      );
    expect(late.state).toBe("late");
  });

  test("a state that moved below another one takes its inline source along", () => {
    const logic = fromCallback(() => {});
    const old = version(
      "1.0.0",
      chart({ id: "m", initial: "on", states: { on: { invoke: { src: logic } } } }),
    );
    const next = version(
      "2.0.0",
      chart({
        id: "m",
        initial: "all",
        states: { all: { initial: "on", states: { on: { invoke: { src: logic } } } } },
      }),
      { migrate: { "1.0.0": { state: (path) => `all.${path}` } } },
    );
    const result = migrate(actorOf(old), [old, next], known);
    expect(result.troubles).toEqual([]);
    expect(result.passed?.work).toMatchObject([
      { name: "xstate.invoke.0.m.all.on", path: "/0.m.all.on", kind: "live" },
    ]);
    expect(Object.keys(result.snapshot.children)).toEqual(["0.m.all.on"]);
  });

  test("regions that are new are filled, and a state that got states is in its initial one", () => {
    const old = version(
      "1.0.0",
      chart({ id: "m", initial: "a", states: { a: { on: { GO: "b" } }, b: {} } }),
    );
    const next = version(
      "2.0.0",
      chart(
        {
          id: "m",
          type: "parallel",
          states: {
            main: {
              initial: "a",
              states: { a: { initial: "in", states: { in: { on: { GO: "out" } }, out: {} } } },
            },
            audit: {
              initial: "idle",
              states: { idle: { after: { 5: "busy" }, invoke: { src: "watch" } }, busy: {} },
            },
          },
        },
        { actors: { watch: promise } },
      ),
      { migrate: { "1.0.0": { state: (path) => `main.${path}` } } },
    );
    const result = migrate(actorOf(old), [old, next], known);
    expect(result.snapshot.value).toEqual({ main: { a: "in" }, audit: "idle" });
    expect(result.passed?.state).toBe('{"main":{"a":"in"},"audit":"idle"}');
    expect(result.send({ type: "GO" }).state).toBe('{"main":{"a":"out"},"audit":"idle"}');
    expect(result.misses).toEqual([
      "timer-never-starts audit.idle: after 5",
      "invoke-never-starts audit.idle: invoke watch",
    ]);
  });

  test("regions that are gone are left out", () => {
    const old = version(
      "1.0.0",
      chart({
        id: "m",
        type: "parallel",
        states: { x: { initial: "x1", states: { x1: {} } }, y: {} },
      }),
    );
    const next = version(
      "2.0.0",
      chart({ id: "m", initial: "one", states: { one: {}, two: {} } }),
      {
        migrate: { "1.0.0": { state: (path) => (path === "y" ? "" : "one") } },
      },
    );
    expect(migrate(actorOf(old), [old, next], known).snapshot.value).toBe("one");
  });

  test("what a history remembers follows its states", () => {
    const states = (inner: string, one: string, two: string) => ({
      id: "m",
      initial: inner,
      states: {
        [inner]: {
          initial: one,
          on: { LEAVE: "away" },
          states: { [one]: { on: { NEXT: two } }, [two]: {}, hist: { type: "history" } },
        },
        away: { on: { BACK: `${inner}.hist` } },
      },
    });
    const old = version("1.0.0", chart(states("p", "a", "b")));
    const names: Record<string, string | null> = { "p.b": "q.y" };
    const next = version("2.0.0", chart(states("q", "x", "y")), {
      migrate: { "1.0.0": { state: (path) => names[path] ?? path } },
    });
    const actor = actorOf(old, [{ type: "NEXT" }, { type: "LEAVE" }]);
    expect(migrate(actor, [old, next], known).send({ type: "BACK" }).state).toBe('{"q":"y"}');
    const forgetful = version("2.0.0", chart(states("q", "x", "y")), {
      migrate: { "1.0.0": { state: (path) => (path === "p.b" ? null : path) } },
    });
    expect(migrate(actor, [old, forgetful], known).send({ type: "BACK" }).state).toBe('{"q":"x"}');
    const lossy = version("2.0.0", chart(states("q", "x", "y")), { migrate: { "1.0.0": {} } });
    expect(migrate(actor, [old, lossy], known).kinds).toEqual(["state-lost"]);
  });

  test("the context is mapped, with its types and its references to children", () => {
    const kid = chart({ on: { PING: { actions: sendParent({ type: "PONG" }) } } });
    const config = (entry: object) => ({
      ...entry,
      on: {
        PING: { actions: ({ context }: any) => void context.boss.child.send({ type: "PING" }) },
        GO: { actions: [({ context }: any) => context] },
      },
    });
    const old = version(
      "1.0.0",
      chart(
        config({
          context: ({ spawn }: any) => ({
            at: new Date(5),
            ref: spawn("kid", { id: "kid" }),
          }),
        }),
        { actors: { kid } },
      ),
    );
    const next = version("2.0.0", chart(config({ context: {} }), { actors: { kid } }), {
      migrate: {
        "1.0.0": { context: ({ at, ref }) => ({ when: at, boss: { child: ref }, big: 1n }) },
      },
    });
    const { snapshot } = migrate(actorOf(old), [old, next], known);
    expect(snapshot.context).toMatchObject({ when: new Date(5), big: 1n });
    expect(snapshot.context.boss.child).toBe(snapshot.children.kid);
  });

  test("work that runs goes on, and a spawned child stays", () => {
    const actors = { count: fromTransition((n: number) => n + 1, 0), ears: fromCallback(() => {}) };
    const make = (state: string) =>
      chart(
        {
          id: "m",
          initial: state,
          entry: [
            spawnChild("count", { id: "n" } as any),
            spawnChild("ears", { id: "ears" } as any),
          ],
          states: { [state]: { entry: { type: "mail" } } },
        },
        { actors } as any,
      );
    const actions = { mail: async () => {} };
    const old = version("1.0.0", make("a"), { actions });
    const next = version("2.0.0", make("b"), {
      actions,
      migrate: { "1.0.0": { state: () => "b" } },
    });
    const actor = actorOf(old);
    const result = migrate(actor, [old, next], known);
    expect(result.troubles).toEqual([]);
    expect(result.passed?.work).toEqual(actor.work);
    expect(Object.keys(result.snapshot.children)).toEqual(["n", "ears"]);
  });
});

test("what was over in the old chart is not missed in the new one", () => {
  const states = (after: number, name: string) => ({
    initial: name,
    states: {
      [name]: {
        after: { [after]: { actions: assign({}) } },
        invoke: { src: "work", onDone: { actions: assign({}) } },
      },
    },
  });
  const parts = { actors: { work: promise } };
  const old = version("1.0.0", chart(states(50, "a"), parts));
  const { timers, work, ...rest } = actorOf(old);
  const over = { ...rest, timers: [], work };
  const migrations = { migrate: { "1.0.0": { state: () => "b" } } };
  const same = version("2.0.0", chart(states(50, "b"), parts), migrations);
  expect(migrate(over, [old, same]).misses).toEqual([]);
  expect(migrate(over, [old, same], { isKnown: false }).misses).toEqual([
    "timer-never-starts b: after 50",
  ]);
  const longer = version("2.0.0", chart(states(60, "b"), parts), migrations);
  const changed = migrate({ ...over, timers }, [old, longer]);
  expect(changed.misses).toEqual(["timer-never-starts b: after 60"]);
  expect(changed.passed?.dropped).toEqual(["xstate.after.50.(machine).a"]);
});

test("the way is the shortest one, only upward, and misses what any step misses", () => {
  const make = (name: string, more: object = {}) =>
    chart({ initial: name, context: { by: [] }, states: { [name]: more } });
  const by = (label: string, name: string) => ({
    state: () => name,
    context: ({ by: before }: any) => ({ by: [...before, label] }),
  });
  const one = version("1.0.0", make("a"));
  const half = version("1.5.0", make("h", { after: { 9: {} } }), {
    migrate: { "1.0.0": by("1→1.5", "h") },
  });
  const two = version("2.0.0", make("b"), {
    migrate: { "1.0.0": by("1→2", "b"), "1.5.0": by("1.5→2", "b") },
  });
  const three = version("3.0.0", make("c", { after: { 9: {} } }), {
    migrate: { "1.5.0": by("1.5→3", "c"), "2.0.0": by("2→3", "c") },
  });
  const shortest = migrate(actorOf(one), [one, half, two, three]);
  expect(shortest.snapshot.context.by).toEqual(["1→2", "2→3"]);
  expect(shortest.misses).toEqual(["timer-never-starts c: after 9"]);
  const other = migrate(actorOf(one), [
    one,
    half,
    version("3.0.0", make("c", { after: { 9: {} } }), { migrate: { "1.5.0": by("1.5→3", "c") } }),
  ]);
  expect(other.snapshot.context.by).toEqual(["1→1.5", "1.5→3"]);
  expect(other.misses).toEqual(["timer-never-starts c: after 9"]);
  expect(migrate(actorOf(three), [three, two]).passed).toBeNull();
});

test("a key with a dot is one step of a path", () => {
  const make = (key: string) =>
    chart({ initial: key, states: { [key]: { after: { 7: "x" } }, x: {} } });
  const old = version("1.0.0", make("v1.0"));
  const seen: string[] = [];
  const next = version("2.0.0", make("v2.0\\"), {
    migrate: {
      "1.0.0": {
        state: (path) => {
          seen.push(path);
          return "v2\\.0\\\\";
        },
      },
    },
  });
  const result = migrate(actorOf(old), [old, next]);
  expect(seen).toEqual(["v1\\.0"]);
  expect(result.passed?.state).toBe("v2.0\\");
  expect(result.passed?.timers).toHaveLength(1);
});

test("a migration names versions below its own", () => {
  for (const from of ["2.0.0", "3.0.0", "1", "^1.0.0"]) {
    expect(() => version("2.0.0", chart({}), { migrate: { [from]: {} } })).toThrow(/below 2\.0\.0/);
  }
});
