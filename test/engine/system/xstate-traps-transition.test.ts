// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: the traps of XState's pure functions (`transition`, `initialTransition`), on which an engine could be built, are
// none of this one. Method: one test a trap; the actor's process is killed after each call.
import { describe, expect, test } from "vitest";
import {
  assign,
  emit,
  fromPromise,
  fromTransition,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stopChild,
} from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { actorOf, names } from "../api/failing-actors.ts";
import { chart } from "../migration/migrating.ts";
import { restarted } from "../worker/restarted.ts";

const note = assign({ seen: ({ context, event }: any) => [...context.seen, event.type] });
const counter = fromTransition((n: number) => n + 1, 0);

describe("snapshots", () => {
  test("a snapshot that was text answers as a live one", async () => {
    const actor = await restarted(
      chart({
        initial: "idle",
        states: { idle: { tags: "quiet", on: { GO: "busy" } }, busy: {} },
      }),
    );
    const snapshot = await actor.get();
    const answers = [snapshot.matches("idle"), snapshot.hasTag("quiet")];
    expect([...answers, snapshot.can({ type: "GO" }), snapshot.can({ type: "NO" })]).toEqual([
      ...[true, true, true, false],
    ]);
  });

  test("stopChild and sendTo find their child after a restart", async () => {
    const actor = await restarted(
      chart(
        {
          invoke: { src: "counter", id: "kid" },
          on: {
            ADD: { actions: sendTo("kid", { type: "ONE" }) },
            END: { actions: stopChild("kid") },
          },
        },
        { actors: { counter } },
      ),
    );
    await actor.send({ type: "ADD" });
    expect((await actor.get()).children.kid.getSnapshot().context).toBe(1);
    await actor.send({ type: "END" });
    expect((await actor.get()).children.kid).toBeUndefined();
  });

  test("a child whose end was handled in its state stays a child, and is not started again", async () => {
    let runs = 0;
    const run = async () => {
      runs += 1;
    };
    const actor = await restarted(
      chart(
        { context: { seen: [] }, invoke: { src: "work", id: "kid", onDone: { actions: note } } },
        { actors: { work: fromPromise(async () => {}) } },
      ),
      { tasks: { work: { run } } } as any,
    );
    await actor.settle();
    const { context, children } = await actor.get();
    expect([runs, context.seen]).toEqual([1, ["xstate.done.actor.kid"]]);
    expect(children.kid.getSnapshot().status).toBe("done");
  });

  test("types, keys with dots and the states of a history survive", async () => {
    const values = {
      ...{ error: new TypeError("wrong"), map: new Map([[1, new Set(["x"])]]), none: undefined },
      ...{ big: 12n, zero: -0, nan: Number.NaN, "a.b": 1, $set: 2, "": 3 },
    };
    const actor = await restarted(
      chart({
        context: values,
        initial: "in.side",
        states: {
          "in.side": {
            initial: "one.1",
            states: {
              "one.1": { on: { NEXT: "#two" } },
              "two.2": { id: "two" },
              back: { type: "history", id: "back" },
            },
            on: { OUT: "away" },
          },
          away: { on: { BACK: "#back" } },
        },
      }),
    );
    for (const type of ["NEXT", "OUT", "BACK"]) await actor.send({ type });
    const { value, context } = await actor.get();
    expect(value).toEqual({ "in.side": "two.2" });
    expect(context).toStrictEqual(values);
    expect(context.error).toBeInstanceOf(TypeError);
    expect(Object.keys(context)).toEqual(Object.keys(values));
  });
});

describe("visits", () => {
  test("a timer and a result of an earlier visit never count in a later one, and `*` does not see them", async () => {
    const answers: ((answer: string) => void)[] = [];
    const run = () => new Promise<string>((resolve) => void answers.push(resolve));
    const machine = chart(
      {
        context: { seen: [] },
        initial: "busy",
        on: { "*": { actions: note } },
        states: {
          busy: {
            invoke: { src: "work", onDone: "done" },
            after: { 100: "late" },
            on: { AGAIN: { target: "busy", reenter: true } },
          },
          ...{ done: {}, late: {} },
        },
      },
      { actors: { work: fromPromise(async () => "") } },
    );
    const made: any = durable(machine as any, { ...names, tasks: { work: { run } } } as any);
    const actor = await actorOf(made);
    await actor.host.elapse(60);
    await actor.send({ type: "AGAIN" });
    answers[0]?.("of the first visit");
    await actor.host.elapse(99);
    expect(answers).toHaveLength(2);
    expect(await actor.get()).toMatchObject({ value: "busy", context: { seen: [] } });
    await actor.host.elapse(1);
    expect((await actor.get()).value).toBe("late");
  });

  test("the context's factory, initial assigns and initial guards run once in an actor's life", async () => {
    const calls = { factory: 0, assign: 0, guard: 0 };
    const actor = await restarted(
      chart({
        context: ({ input }: any) => {
          calls.factory += 1;
          return { input, n: 0 };
        },
        entry: assign(() => {
          calls.assign += 1;
          return { n: 1 };
        }),
        initial: "a",
        states: {
          a: {
            always: {
              target: "b",
              guard: () => {
                calls.guard += 1;
                return true;
              },
            },
          },
          b: { on: { GO: {} } },
        },
      }),
      {},
      { from: "outside" },
    );
    await actor.send({ type: "GO" });
    expect((await actor.get()).context).toEqual({ input: { from: "outside" }, n: 1 });
    expect(calls).toEqual({ factory: 1, assign: 1, guard: 1 });
  });
});

describe("actions", () => {
  test("an action sees the real actor: its state, its id, and its system", async () => {
    const seen: unknown[] = [];
    const look = ({ self, system }: any) => {
      seen.push([self.id, self.getSnapshot().value, system.get("the kid")?.id]);
    };
    const actor = await restarted(
      chart(
        {
          initial: "one",
          invoke: { src: "counter", id: "kid", systemId: "the kid" },
          states: { one: { on: { GO: "two" } }, two: { entry: "look" } },
        },
        { actors: { counter }, actions: { look } },
      ),
    );
    await actor.send({ type: "GO" });
    expect(seen).toEqual([["root", "two", "kid"]]);
  });

  test("raise, sendTo and emit act once, and inside the transition that asked for them", async () => {
    const actor = await restarted(
      chart(
        {
          context: { seen: [] },
          invoke: { src: "counter", id: "kid" },
          on: {
            GO: {
              actions: [
                raise({ type: "RAISED" }),
                sendTo("kid", { type: "ONE" }),
                emit({ type: "news" }),
              ],
            },
            RAISED: { actions: note },
          },
        },
        { actors: { counter } },
      ),
    );
    await actor.send({ type: "GO" });
    const { context, children } = await actor.get();
    expect([context.seen, children.kid.getSnapshot().context]).toEqual([["RAISED"], 1]);
    const [, change, ...more] = await actor.history();
    expect(change).toMatchObject({ emitted: [{ type: "news" }] });
    expect(more).toEqual([]);
  });

  test("an actor that is spawned within an assign is started, and one without an id is refused", async () => {
    const runs: string[] = [];
    const spawning = (options: object) =>
      chart(
        {
          context: {},
          on: { GO: { actions: assign({ ref: ({ spawn }: any) => spawn("work", options) }) } },
        },
        { actors: { work: fromPromise(async () => void runs.push("work")) } },
      );
    const named = await restarted(spawning({ id: "kid" }));
    expect((await named.send({ type: "GO" })).outcome).toBe("applied");
    expect(runs).toEqual(["work"]);
    const nameless = await restarted(spawning({}));
    expect(await nameless.send({ type: "GO" })).toMatchObject({ outcome: "rejected" });
    const declared = chart({ entry: spawnChild("work") }, { actors: { work: counter } });
    expect(() => durable(declared as any, names as any)).toThrow(/without an id/);
  });

  test("sendParent of a child machine reaches its parent, once", async () => {
    const child = chart({ on: { GO: { actions: sendParent({ type: "UP" }) } } }, { actions: {} });
    const actor = await restarted(
      chart(
        {
          context: { seen: [] },
          invoke: { src: "child", id: "kid" },
          on: { GO: { actions: sendTo("kid", { type: "GO" }) }, UP: { actions: note } },
        },
        { actors: { child } },
      ),
    );
    await actor.send({ type: "GO" });
    expect((await actor.get()).context.seen).toEqual(["UP"]);
  });
});

describe("errors", () => {
  const fail = () => {
    throw new Error("broken");
  };

  test("a guard or an assign that throws rejects its event, which is not lost, and the actor lives", async () => {
    const actor = await restarted(
      chart({
        initial: "a",
        states: {
          a: {
            on: {
              GUARD: { target: "b", guard: fail },
              ASSIGN: { target: "b", actions: assign(fail as any) },
              GO: "b",
            },
          },
          b: {},
        },
      }),
    );
    for (const type of ["GUARD", "ASSIGN"]) {
      expect(await actor.send({ type })).toMatchObject({ outcome: "rejected", state: "a" });
    }
    expect((await actor.send({ type: "GO" })).state).toBe("b");
    expect((await actor.history()).map(({ outcome }) => outcome)).toEqual([
      ...["applied", "rejected", "rejected", "applied"],
    ]);
  });

  test("a target that does not exist is refused when the machine is declared", () => {
    expect(() => {
      const machine = chart({ initial: "a", states: { a: { on: { GO: "nowhere" } } } });
      durable(machine as any, names as any);
    }).toThrow(/nowhere/);
  });

  test("an `invoke` without logic is refused when the machine is declared", () => {
    const machine = chart({ invoke: { src: "nobody" } }, { actions: {} });
    expect(() => durable(machine as any, names as any)).toThrow(/which nothing implements/);
  });

  test("a cycle of `always` without an end rejects its event, though XState would go on for ever", async () => {
    const actor = await restarted(
      chart({
        initial: "idle",
        states: { idle: { on: { GO: "a" } }, a: { always: "b" }, b: { always: "a" } },
      }),
    );
    expect(await actor.send({ type: "GO" })).toMatchObject({
      ...{ outcome: "rejected", state: "idle", reason: { code: "transition-endless" } },
    });
  });

  test("an event after the end is ignored, and changes nothing", async () => {
    const actor = await restarted(
      chart({
        initial: "a",
        states: { a: { on: { GO: "b" } }, b: { type: "final" } },
      }),
    );
    await actor.send({ type: "GO" });
    const before = (await actor.history()).length;
    expect(await actor.send({ type: "GO" })).toMatchObject({ outcome: "ignored", status: "done" });
    expect(await actor.history()).toHaveLength(before);
  });
});
