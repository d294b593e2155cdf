// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: the traps of XState's own restore (`createActor(machine, { snapshot }).start()`) are none of the engine. Method:
// one test a trap; the actor's process is killed after each call.
import { describe, expect, test } from "vitest";
import {
  assign,
  createActor,
  fromCallback,
  fromPromise,
  fromTransition,
  raise,
  SimulatedClock,
  sendParent,
  sendTo,
  setup,
  spawnChild,
} from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { crashAnywhere } from "../../../src/engine/testing/crash-anywhere.ts";
import { actorOf, chart, migrate, version } from "../migration/migrating.ts";
import { restarted } from "../worker/restarted.ts";

const note = assign({ seen: ({ context, event }: any) => [...context.seen, event.type] });

const never = () => new Promise<never>(() => {});

describe("timers", () => {
  const machine = chart(
    {
      context: { seen: [] },
      initial: "waiting",
      entry: [
        raise({ type: "RAISED" }, { delay: 50 }),
        sendTo(({ self }: any) => self, { type: "SENT" }, { delay: 60 }),
      ],
      on: { "*": { actions: note } },
      states: { waiting: { after: { 100: "over" } }, over: {} },
    },
    { actions: {} },
  );

  test("XState itself forgets `after` in a restore: without that, there would be no trap", () => {
    const first = createActor(machine).start();
    const snapshot = JSON.parse(JSON.stringify(first.getPersistedSnapshot()));
    first.stop();
    const clock = new SimulatedClock();
    const restored = createActor(machine, { snapshot, clock } as any).start();
    clock.increment(1_000_000);
    expect((restored.getSnapshot() as any).value).toBe("waiting");
  });

  test("`after` is armed again after a restart, and keeps its moment", async () => {
    const actor = await restarted(machine);
    await actor.elapse(60);
    await actor.elapse(39);
    expect((await actor.get()).value).toBe("waiting");
    await actor.elapse(1);
    expect((await actor.get()).value).toBe("over");
  });

  test("a delayed raise and a delayed sendTo are not lost by a restart", async () => {
    const actor = await restarted(machine);
    await actor.elapse(50);
    expect((await actor.get()).context.seen).toEqual(["RAISED"]);
    await actor.elapse(10);
    expect((await actor.get()).context.seen).toEqual(["RAISED", "SENT"]);
  });

  test("a delay of more than 24.8 days waits for its moment, and does not fire at once", async () => {
    const month = 30 * 86_400_000;
    const actor = await restarted(
      chart({
        initial: "waiting",
        states: { waiting: { after: { [month]: "over" } }, over: {} },
      }),
    );
    await actor.elapse(month - 1);
    expect((await actor.get()).value).toBe("waiting");
    await actor.elapse(1);
    expect((await actor.get()).value).toBe("over");
  });
});

describe("work", () => {
  const busy = chart(
    {
      context: { got: [] },
      initial: "busy",
      states: {
        busy: {
          invoke: {
            src: "work",
            input: { n: 7 },
            onDone: {
              target: "done",
              actions: assign({ got: ({ context, event }: any) => [...context.got, event.output] }),
            },
          },
        },
        done: { on: { NEXT: {} } },
      },
    },
    { actors: { work: fromPromise(async () => {}) } },
  );

  test("an invoked promise that was under way runs again with its input and its id, and its result counts once", async () => {
    const runs: unknown[] = [];
    let answers = false;
    const run = async (input: unknown, { id }: { id: string }) => {
      runs.push([input, id]);
      return answers ? "answer" : await never();
    };
    const actor = await restarted(busy, { tasks: { work: { run } } } as any);
    await actor.settle();
    answers = true;
    await actor.settle();
    expect(runs).toHaveLength(3);
    expect(new Set(runs.map((each) => JSON.stringify(each))).size).toBe(1);
    expect((await actor.get()).context.got).toEqual(["answer"]);
  });

  test("an invoked promise that has ended is not asked again", async () => {
    let runs = 0;
    const run = async () => {
      runs += 1;
    };
    const actor = await restarted(busy, { tasks: { work: { run } } } as any);
    await actor.send({ type: "NEXT" });
    await actor.settle();
    expect(runs).toBe(1);
  });

  test("a result and what its parent hears of it are one write: no parent waits for ever", async () => {
    const made: any = durable(
      busy as any,
      {
        ...{ name: "m", version: "1.0.0", tasks: { work: { run: async () => "answer" } } },
      } as any,
    );
    const { writes } = await crashAnywhere(made, [{ send: { type: "NEXT" } }] as any);
    expect(writes.filter((write) => write.includes("xstate.done.actor"))).toHaveLength(1);
  });

  test("an invoked callback starts again, and hears what it is sent from then on", async () => {
    const heard: unknown[] = [];
    let starts = 0;
    const ears = fromCallback(({ receive }) => {
      starts += 1;
      receive(({ type }) => void heard.push([starts, type]));
    });
    const actor = await restarted(
      chart(
        {
          invoke: { src: "ears", id: "ears" },
          on: { SAY: { actions: sendTo("ears", { type: "HEAR" }) } },
        },
        { actors: { ears } },
      ),
    );
    await actor.send({ type: "SAY" });
    await actor.send({ type: "SAY" });
    expect(heard).toEqual([
      [2, "HEAR"],
      [3, "HEAR"],
    ]);
  });
});

describe("children and states", () => {
  test("a child machine goes on deep in its states: no entry runs again, its timers fire, its parent hears of its end", async () => {
    const entries: string[] = [];
    const child = setup({ actions: { enter: () => void entries.push("deep") } }).createMachine({
      initial: "one",
      states: {
        one: { on: { GO: "two" } },
        two: {
          initial: "deep",
          states: { deep: { entry: "enter", after: { 30: "#end" } } },
        },
        end: { id: "end", type: "final", entry: sendParent({ type: "BYE" }) },
      },
    } as any);
    const actor = await restarted(
      chart(
        {
          context: { seen: [] },
          invoke: { src: "child", id: "kid", onDone: { actions: note } },
          on: { GO: { actions: sendTo("kid", { type: "GO" }) }, BYE: { actions: note } },
        },
        { actors: { child } },
      ),
    );
    await actor.send({ type: "GO" });
    await actor.elapse(29);
    await actor.elapse(1);
    expect((await actor.get()).context.seen).toEqual(["BYE", "xstate.done.actor.kid"]);
    expect(entries).toEqual(["deep"]);
  });

  test("references to actors in a context lead to the revived actors, however often they are read", async () => {
    const counter = fromTransition((n: number) => n + 1, 0);
    const actor = await restarted(
      chart(
        {
          context: ({ spawn }: any) => ({ ref: spawn("counter", { id: "counter" }) }),
          on: { ADD: { actions: sendTo(({ context }: any) => context.ref, { type: "ONE" }) } },
        },
        { actors: { counter } },
      ),
    );
    for (const expected of [1, 2]) {
      await actor.send({ type: "ADD" });
      for (const read of [await actor.get(), await actor.get()]) {
        expect(read.context.ref.getSnapshot().context).toBe(expected);
        expect(read.context.ref).toBe(read.children.counter);
      }
    }
  });

  test("entry actions of the state in which an actor rests do not run again", async () => {
    const calls: string[] = [];
    const actor = await restarted(
      chart(
        { initial: "rest", states: { rest: { entry: ["own", { type: "mail" }] } } },
        { actions: { own: () => void calls.push("own"), mail: () => {} } },
      ),
      { actions: { mail: async () => void calls.push("mail") } } as any,
    );
    await actor.settle();
    await actor.settle();
    expect(calls).toEqual(["own", "mail"]);
  });

  const parts = {
    actors: {
      work: fromPromise(async () => {}),
      child: chart({ initial: "x", states: { x: {} } }),
    },
  };
  const tasks = { work: { run: never } };
  const withChild = version(
    "1.0.0",
    chart(
      {
        ...{ id: "m", initial: "a", entry: spawnChild("child", { id: "kid" }) },
        states: { a: {}, b: { invoke: { src: "work" } } },
      },
      parts,
    ),
    { tasks },
  );
  const next = (states: object, initial = "a", sources: any = parts) =>
    version("2.0.0", chart({ id: "m", initial, states } as any, sources), {
      ...{ migrate: { "1.0.0": {} }, tasks },
    });
  const states = { a: {}, b: { invoke: { src: "work" } } };

  test("a child whose source is gone is not dropped: its actor stays as it is, and the trouble is named", () => {
    const without = next(states, "a", { actors: { work: parts.actors.work } });
    const { kinds, passed } = migrate(actorOf(withChild), [withChild, without]);
    expect([kinds, passed]).toEqual([["child-lost"], null]);
  });

  test("a state that is gone does not end an actor in error: it stays as it is, and the trouble is named", () => {
    const { kinds, passed } = migrate(actorOf(withChild), [withChild, next({ b: states.b }, "b")]);
    expect([kinds, passed]).toEqual([["state-lost"], null]);
  });

  test("an `invoke` and an `after` that are new in the state in which an actor rests are named", () => {
    const changed = next({ ...states, a: { invoke: { src: "work" }, after: { 10: "b" } } });
    const { misses } = migrate(actorOf(withChild), [withChild, changed]);
    expect(misses.map((each) => each.split(" ")[0]).toSorted()).toEqual([
      "invoke-never-starts",
      "timer-never-starts",
    ]);
  });

  test("a region that is new in a parallel state is in its initial state, and what never starts in it is named", () => {
    const before = version("1.0.0", chart({ id: "m", type: "parallel", states: { one: {} } }));
    const after = version(
      "2.0.0",
      chart({
        ...{ id: "m", type: "parallel" },
        states: { one: {}, two: { initial: "x", states: { x: { after: { 10: "y" } }, y: {} } } },
      }),
      { migrate: { "1.0.0": {} } },
    );
    const moved = migrate(actorOf(before), [before, after]);
    expect(moved.snapshot.value).toEqual({ one: {}, two: "x" });
    expect(moved.misses).toEqual([expect.stringContaining("timer-never-starts")]);
  });

  test("logic that is spawned inline is refused, at the declaration or at the event", async () => {
    const inline = fromTransition((state: number) => state, 0);
    const declared = chart({ entry: spawnChild(inline, { id: "kid" }) });
    expect(() => version("1.0.0", declared)).toThrow(/inline logic/);
    const actor = await restarted(
      chart({
        context: {},
        on: { GO: { actions: assign({ ref: ({ spawn }: any) => spawn(inline, { id: "kid" }) }) } },
      }),
    );
    expect(await actor.send({ type: "GO" })).toMatchObject({
      ...{ outcome: "rejected", reason: { code: "value-not-kept" } },
    });
  });
});
