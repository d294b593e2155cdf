// Aim: the engine's promises, each by itself. Method: small machines on the memory store, a virtual
// clock, two engines on one store where a takeover is meant.
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { createMachine, setup } from "xstate";
import { createEngine, type EffectHandler, type Ownership } from "../../src/engine/engine.ts";
import { LockstepError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import type { Owner, Store } from "../../src/store/store.ts";
import { until } from "../support/until.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const machine = setup({
  types: {
    events: {} as { type: string },
    context: {} as { deadlineMs: number },
    input: {} as { deadlineMs: number } | undefined,
  },
  actions: {
    scheduleTimer: (_, _params: { name: string; afterMs: number; event: { type: string } }) => {},
    cancelTimer: (_, _params: { name: string }) => {},
    cancelEffects: () => {},
    work: () => {},
    undo: () => {},
  },
  guards: {
    explode: () => {
      throw new Error("a guard that throws");
    },
  },
}).createMachine({
  id: "job",
  context: ({ input }) => ({ deadlineMs: input?.deadlineMs ?? 1_000 }),
  initial: "working",
  states: {
    working: {
      entry: [
        {
          type: "scheduleTimer",
          params: ({ context }) => ({
            name: "deadline",
            afterMs: context.deadlineMs,
            event: { type: "late" },
          }),
        },
        { type: "work" },
      ],
      on: {
        worked: "done",
        effectFailed: "failed",
        late: "undoing",
        stop: "undoing",
        leave: "left",
        again: { target: "working", reenter: true },
        poison: { guard: "explode", target: "done" },
      },
    },
    undoing: { entry: ["cancelEffects", "undo"], on: { undone: "failed" } },
    failed: { type: "final" },
    done: { type: "final" },
    left: { type: "final", entry: "undo" },
  },
});

const owner: Owner = { kind: "role", role: "master" };
const forever: EffectHandler = (_params, { signal }) =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

function world() {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  const stuck: string[] = [];
  const engine = (work: EffectHandler, undo: EffectHandler = forever, through: Store = store) =>
    createEngine({
      store: through,
      clock,
      log: silentLog,
      machines: { job: { machine, protocol: 1, effects: { work, undo } } },
      onStuckEffect: ({ id }) => stuck.push(id),
    });
  const ownership = (epoch: number) => {
    const lost = new AbortController();
    const held: Ownership = { owner, prefix: "", epoch, signal: lost.signal, writes: [] };
    return { held, lost };
  };
  return { clock, store, stuck, engine, ownership };
}

describe("engine", () => {
  test("an effect's result is one entry, keyed by the effect", async () => {
    const { engine, ownership, store } = world();
    const one = engine(async () => ({ type: "worked" }));
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    await until("done", async () => (await store.tail("job/1"))?.state === "done");
    const entries = await store.entries("job/1");
    expect(entries.map(({ event }) => event.type)).toEqual(["lockstep.created", "worked"]);
    expect(entries[1]?.eventKey).toBe("job/1/0/1");
    expect(entries[1]?.timers).toEqual([]);
    await one.stop();
  });

  test("what an effect hung on its owner's right goes with it, however many there are", async () => {
    const { engine, ownership, store } = world();
    const one = engine(async () => ({ type: "worked" }));
    const { held } = ownership(1);
    await one.own(held);
    const hung = () => getEventListeners(held.signal, "abort").length;
    const before = hung();
    for (let number = 1; number <= 5; number += 1) {
      await one.create(`job/${number}`, "job", undefined, { owner });
    }
    await until("done", async () => (await store.tails("")).every(({ state }) => state === "done"));
    await until("nothing left of it", async () => hung() === before);
    await one.stop();
    expect(hung()).toBe(before - 1);
  });

  test("what an actor at its end still wants is tried until it is done: nobody is left to be told", async () => {
    const { engine, ownership, store, clock } = world();
    let tries = 0;
    const one = engine(forever, async () => {
      tries += 1;
      if (tries <= 2 * limits.effectAttemptsMax) throw new Error("no room");
      return { type: "undone" };
    });
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    await one.send("job/1", { type: "leave" });
    await until("it is done", async () => {
      await clock.advance(limits.effectRetryDelayMsMax);
      return (await store.tail("job/1"))?.effects.length === 0;
    });
    expect(tries).toBe(2 * limits.effectAttemptsMax + 1);
    await one.stop();
  });

  test("a duplicate key counts once; creating twice is a success", async () => {
    const { engine, ownership } = world();
    const one = engine(forever);
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    expect((await one.create("job/1", "job", undefined, { owner })).kind).toBe("duplicate");
    expect((await one.send("job/1", { type: "other" }, { key: "k" })).kind).toBe("ignored");
    expect((await one.send("job/1", { type: "other" }, { key: "k" })).kind).toBe("duplicate");
    await one.stop();
  });

  test("a guard that throws is journalled as rejected, its key consumed", async () => {
    const { engine, ownership, store } = world();
    const one = engine(forever);
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    expect((await one.send("job/1", { type: "poison" }, { key: "p" })).kind).toBe("rejected");
    expect((await store.tail("job/1"))?.state).toBe("working");
    expect((await one.send("job/1", { type: "poison" }, { key: "p" })).kind).toBe("duplicate");
    await one.stop();
  });

  test("a successor takes over with an entry of its own; the deposed stops for good", async () => {
    const { engine, ownership, store } = world();
    const one = engine(forever);
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    let ran = 0;
    const two = engine(async () => {
      ran += 1;
      return { type: "worked" };
    });
    await two.own(ownership(2).held);
    await until("done", async () => (await store.tail("job/1"))?.state === "done");
    await expect(one.send("job/1", { type: "stop" })).rejects.toMatchObject({ code: "fenced" });
    await expect(one.send("job/1", { type: "stop" })).rejects.toMatchObject({ code: "fenced" });
    const epochs = (await store.entries("job/1")).map(({ epoch }) => epoch);
    expect(epochs).toEqual([1, 2, 2]);
    expect(ran).toBe(1);
    await Promise.all([one.stop(), two.stop()]);
  });

  test("a timer keeps its deadline over a restart, and fires once", async () => {
    const { clock, engine, ownership, store } = world();
    const first = ownership(1);
    const one = engine(forever);
    await one.own(first.held);
    await one.create("job/1", "job", undefined, { owner });
    await clock.advance(600);
    first.lost.abort();
    await one.stop();
    const two = engine(forever);
    await two.own(ownership(2).held);
    await clock.advance(399);
    expect((await store.tail("job/1"))?.state).toBe("working");
    await until("late", async () => {
      await clock.advance(100);
      return (await store.tail("job/1"))?.state === "undoing";
    });
    const late = (await store.entries("job/1")).filter(({ event }) => event.type === "late");
    expect(late).toHaveLength(1);
    expect(late[0]?.eventKey).toBe("job/1/0/0");
    await two.stop();
  });

  test("the timer of an earlier visit is dropped", async () => {
    const { clock, engine, ownership, store } = world();
    const one = engine(forever);
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    await clock.advance(900);
    await one.send("job/1", { type: "again" });
    expect((await store.tail("job/1"))?.timers.map(({ dueAt }) => dueAt)).toEqual([1_900]);
    expect((await one.send("job/1", { type: "late" }, { key: "job/1/0/0" })).kind).toBe(
      "duplicate",
    );
    expect((await store.tail("job/1"))?.state).toBe("working");
    await one.stop();
  });

  test("an effect that goes on failing ends as effectFailed", async () => {
    const { clock, engine, ownership, store } = world();
    let attempts = 0;
    const one = engine(() => {
      attempts += 1;
      return Promise.reject(new Error("no luck"));
    });
    await one.own(ownership(1).held);
    await one.create("job/1", "job", { deadlineMs: 1_000_000 }, { owner });
    await until("failed", async () => {
      await clock.advance(50);
      const entries = await store.entries("job/1");
      return entries.some(({ event }) => event.type === "effectFailed");
    });
    expect(attempts).toBe(5);
    await one.stop();
  });

  test("fenced is no failure: the effect stays pending for a successor", async () => {
    const { engine, ownership, store } = world();
    const one = engine(() => Promise.reject(new LockstepError("fenced", "deposed")));
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    const tail = await store.tail("job/1");
    expect(tail?.effects.map(({ name }) => name)).toEqual(["work"]);
    const two = engine(async () => ({ type: "worked" }));
    await two.own(ownership(2).held);
    await until("done", async () => (await store.tail("job/1"))?.state === "done");
    await Promise.all([one.stop(), two.stop()]);
  });

  test("what follows a cancelled effect starts only after that has ended", async () => {
    const { engine, ownership, store, stuck } = world();
    const order: string[] = [];
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const one = engine(
      async (_params, { signal }) => {
        await ended;
        order.push(signal.aborted ? "cancelled work ended" : "work ended");
        return { type: "worked" };
      },
      async () => {
        order.push("undo");
        return { type: "undone" };
      },
    );
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    await one.send("job/1", { type: "stop" });
    expect(order).toEqual([]);
    end();
    await until("failed", async () => (await store.tail("job/1"))?.state === "failed");
    expect(order).toEqual(["cancelled work ended", "undo"]);
    expect(stuck).toEqual([]);
    await one.stop();
  });

  test("what the caller joins to an event is not written where the actor ignores it", async () => {
    const { engine, ownership, store } = world();
    const one = engine(forever);
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    const writes = [{ collection: "things", id: "t", expect: null, set: { said: true } }];
    expect((await one.send("job/1", { type: "undone" }, { writes })).kind).toBe("ignored");
    expect(await store.get("things", "t")).toBeUndefined();
    expect((await one.send("job/1", { type: "stop" }, { writes })).kind).toBe("applied");
    expect(await store.get("things", "t")).toEqual({ said: true });
    await one.stop();
  });

  test("a result that could not be told before its owner lost the actor is not told by its next one", async () => {
    const { clock, engine, ownership, store } = world();
    let away = false;
    const through: Store = {
      ...store,
      now: () =>
        away ? Promise.reject(new LockstepError("database-unreachable", "away")) : store.now(),
    };
    const running = new Set<object>();
    const together: number[] = [];
    const busy: EffectHandler = async (params, { signal }) => {
      running.add(params);
      together.push(running.size);
      await forever(params, { signal } as Parameters<EffectHandler>[1]).catch(() => {});
      running.delete(params);
      throw new LockstepError("aborted", "stopped");
    };
    let works = 0;
    let tell: () => void = () => {};
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const one = engine(
      async (params, context) => {
        works += 1;
        if (works > 1) return busy({ ...params }, context);
        await told;
        away = true;
        return { type: "late" };
      },
      (params, context) => busy({ ...params }, context),
      through,
    );
    const first = ownership(1);
    await one.own(first.held);
    await one.create("job/1", "job", { deadlineMs: 1_000_000 }, { owner });
    tell();
    await clock.advance(1);
    // It waits to be told; the actor is lost, and owned anew by this very process.
    first.lost.abort();
    away = false;
    await one.own(ownership(2).held);
    await clock.advance(60_000);
    expect((await store.tail("job/1"))?.state).toBe("working");
    expect(works).toBe(2);
    await one.send("job/1", { type: "stop" });
    await clock.advance(60_000);
    expect((await store.tail("job/1"))?.state).toBe("undoing");
    expect(together).toEqual([1, 1]);
    await one.stop();
  });

  test("a cancelled effect that ignores its signal is told as stuck", async () => {
    const { clock, engine, ownership, stuck } = world();
    const one = engine(() => new Promise(() => {}));
    await one.own(ownership(1).held);
    await one.create("job/1", "job", undefined, { owner });
    await one.send("job/1", { type: "stop" });
    await until("stuck", async () => {
      await clock.advance(1_000);
      return stuck.length > 0;
    });
    expect(stuck).toEqual(["job/1/0/1"]);
  });
});

describe("refused by name", () => {
  const refuse = (config: object) =>
    createEngine({
      store: createMemoryStore({ now: () => 0 }),
      clock: createVirtualClock(),
      log: silentLog,
      machines: { odd: { machine: createMachine(config), protocol: 1, effects: {} } },
      onStuckEffect: () => {},
    });
  test("invoke", () => {
    const config = { id: "m", initial: "s", states: { s: { invoke: { src: "x" } } } };
    expect(() => refuse(config)).toThrow(/invoke/);
  });
  test("after", () => {
    const config = { id: "m", initial: "s", states: { s: { after: { 10: "t" } }, t: {} } };
    expect(() => refuse(config)).toThrow(/after/);
  });
  test("inline actions", () => {
    const config = { id: "m", initial: "s", states: { s: { entry: () => {} } } };
    expect(() => refuse(config)).toThrow(/not-supported|carry/);
  });
  test("an action that nobody implements", () => {
    const config = { id: "m", initial: "s", states: { s: { entry: "nobody" } } };
    expect(() => refuse(config)).toThrow(/nobody/);
  });

  test.each(["before", "after"] as const)(
    "an append whose answer is lost %s it took effect: what follows it still follows",
    async (when) => {
      for (let at = 1; at <= 5; at += 1) {
        const { engine, ownership, store, clock } = world();
        let appends = 0;
        const lossy: Store = {
          ...store,
          async append(entries, writes) {
            appends += 1;
            const lost = new LockstepError("database-unreachable", "no answer");
            if (appends === at && when === "before") throw lost;
            const results = await store.append(entries, writes);
            if (appends === at) throw lost;
            return results;
          },
        };
        const undone: string[] = [];
        const one = engine(
          forever,
          async () => {
            undone.push("undone");
            return { type: "undone" };
          },
          lossy,
        );
        const again = async (act: () => Promise<unknown>) => {
          await act().catch((error: unknown) => {
            expect(error).toMatchObject({ code: "database-unreachable" });
            return act();
          });
        };
        await one.own(ownership(1).held);
        await again(() => one.create("job/1", "job", undefined, { owner }));
        await again(() => one.send("job/1", { type: "stop" }, { key: "stop" }));
        await until("failed", async () => {
          await clock.advance(500);
          return (await store.tail("job/1"))?.state === "failed";
        });
        expect(undone.length, `${when} ${at}`).toBeGreaterThanOrEqual(1);
        const types = (await store.entries("job/1")).map(({ event }) => event.type);
        expect(types).toEqual(["lockstep.created", "stop", "undone"]);
        await one.stop();
      }
    },
  );
});
