// Aim: the promises of the fleet's engine, each by itself. Method: small machines on the memory store, a virtual
// clock, two engines on one store where a takeover is meant.
import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { LockstepError } from "../../src/errors.ts";
import { createEngine } from "../../src/fleet-engine/engine.ts";
import type { Store } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { until } from "../support/until.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { forever, owner, world } from "./job.ts";

describe("the fleet's engine", () => {
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
    expect(late[0]?.eventKey).toBe("timer:job/1/0/1");
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
    await clock.advance(900);
    expect(await store.tail("job/1")).toMatchObject({ state: "working", revision: 1 });
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
  test("inline actions", () => {
    const config = { id: "m", initial: "s", states: { s: { entry: () => {} } } };
    expect(() => refuse(config)).toThrow(/does not support/);
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
