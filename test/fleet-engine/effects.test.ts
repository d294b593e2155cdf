// Aim: an effect runs until its result is in the journal, for its owner alone, and what follows it waits for its end.
// Method: a small machine on the memory store, in virtual time.
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { LockstepError } from "../../src/errors.ts";
import type { EffectHandler } from "../../src/fleet-engine/engine.ts";
import type { Store } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { until } from "../support/until.ts";
import { forever, owner, world } from "./job.ts";

test("an effect's result is one entry, keyed by the effect", async () => {
  const { engine, ownership, store } = world();
  const one = engine(async () => ({ type: "worked" }));
  await one.own(ownership(1).held);
  await one.create("job/1", "job", undefined, { owner });
  await until("done", async () => (await store.tail("job/1"))?.state === "done");
  const entries = await store.entries("job/1");
  expect(entries.map(({ event }) => event.type)).toEqual(["lockstep.created", "worked"]);
  expect(entries[1]?.eventKey).toBe("effect:job/1/0/2");
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

test.each(["database-unreachable", "no-majority"] as const)(
  "%s is no failure of an effect: it is tried until it is done",
  async (code) => {
    const { clock, engine, ownership, store } = world();
    let attempts = 0;
    const one = engine(async () => {
      attempts += 1;
      if (attempts > 2 * limits.effectAttemptsMax) return { type: "worked" };
      throw new LockstepError(code, "away");
    });
    await one.own(ownership(1).held);
    await one.create("job/1", "job", { deadlineMs: 1_000_000 }, { owner });
    await until("its end", async () => {
      await clock.advance(limits.effectRetryDelayMsMax);
      return (await store.tail("job/1"))?.status === "done";
    });
    expect(await store.tail("job/1")).toMatchObject({ state: "done" });
    await one.stop();
  },
);

test.each(["database-unreachable", "no-majority"] as const)(
  "%s keeps no result from the journal: it is told again",
  async (code) => {
    const { clock, engine, ownership, store } = world();
    let refusals = 0;
    const through: Store = {
      ...store,
      async append(entries, writes) {
        if (entries.some(({ event }) => event.type === "worked") && refusals < 3) {
          refusals += 1;
          throw new LockstepError(code, "away");
        }
        return store.append(entries, writes);
      },
    };
    const one = engine(async () => ({ type: "worked" }), forever, through);
    await one.own(ownership(1).held);
    await one.create("job/1", "job", { deadlineMs: 1_000_000 }, { owner });
    await until("its end", async () => {
      await clock.advance(limits.effectRetryDelayMs);
      return (await store.tail("job/1"))?.state === "done";
    });
    expect(refusals).toBe(3);
    await one.stop();
  },
);

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
  expect(stuck).toEqual(["job/1/0/2"]);
});
