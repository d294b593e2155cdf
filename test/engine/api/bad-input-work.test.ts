// Aim: the rows of docs/engine-bad-input.md on tasks, charts and the surroundings are true. Method: as in bad-input.test.ts.
import { describe, expect, onTestFinished, test } from "vitest";
import { type AnyStateMachine, assign, fromPromise, raise, setup } from "xstate";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { type DurableMachine, durable } from "../../../src/engine/definition/durable.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import { turn } from "../../../src/engine/testing/settle.ts";
import { createVirtualClock } from "../../../src/engine/testing/virtual-clock.ts";
import { LockstepError } from "../../../src/errors.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { createEngineWorld } from "./engines.ts";
import { actorOf, asking, doing, hostOf, names, pass } from "./failing-actors.ts";

/** A test of one row of the table. */
const row = test;

describe("a task", () => {
  row("a task that never answers", async () => {
    const { host, get, why } = await actorOf(
      asking({
        run: () => new Promise(() => {}),
        ...{ timeout: "10s", retry: { attempts: 2, backoff: "1s" } },
      }),
    );
    await pass(host, 15_500);
    expect((await why()).work).toMatchObject([
      { name: "work", attempt: 1, lastError: expect.stringContaining("its time of 10000 ms") },
    ]);
    await pass(host, 20_000);
    expect(await get()).toMatchObject({
      value: "failed",
      context: { result: { code: "timeout" } },
    });
  });

  row("a task that sends no heartbeat", async () => {
    let beats = 0;
    const { host, get } = await actorOf(
      asking({
        run: async (_input, { heartbeat, signal }) => {
          heartbeat();
          beats += 1;
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          return "too late";
        },
        heartbeat: "2s",
      }),
    );
    await pass(host, 4_000);
    expect(beats).toBe(1);
    expect(await get()).toMatchObject({
      value: "failed",
      context: { result: { code: "timeout" } },
    });
  });

  row("a task that ignores its signal", async () => {
    const answers: ((value: string) => void)[] = [];
    const { host, get, send } = await actorOf(
      asking({ run: () => new Promise((resolve) => void answers.push(resolve)) }),
    );
    await host.settle();
    await send({ type: "LEAVE" });
    await send({ type: "BACK" });
    await host.settle();
    // The next visit's task waits until this one is given up.
    expect(answers).toHaveLength(1);
    await pass(host, 6_000);
    expect(answers).toHaveLength(2);
    answers[0]?.("of the first visit");
    await host.settle();
    expect((await get()).value).toBe("asking");
    answers[1]?.("of the second visit");
    await host.settle();
    expect(await get()).toMatchObject({
      ...{ value: "answered", context: { result: "of the second visit" } },
    });
  });

  row("a task that answers twice", async () => {
    const { host, get } = await actorOf(
      asking({
        run: () =>
          new Promise((resolve, reject) => {
            resolve("first");
            resolve("second");
            reject(new Error("third"));
          }),
      }),
    );
    await host.settle();
    expect(await get()).toMatchObject({ value: "answered", context: { result: "first" } });
    const results = (await host.ask((engine) => engine.history("a"))).filter(
      ({ kind }) => kind === "result",
    );
    expect(results).toHaveLength(1);
  });

  row("a task that throws something other than an Error", async () => {
    for (const [thrown, kept] of [
      ["a text", "a text"],
      [undefined, undefined],
      [{ code: 7 }, { code: 7 }],
    ]) {
      const { host, get } = await actorOf(asking({ run: () => Promise.reject(thrown) }));
      await host.settle();
      const { value, context } = await get();
      expect({ value, result: context.result }).toEqual({ value: "failed", result: kept });
    }
  });

  row("a result or an error that cannot be kept", async () => {
    for (const run of [
      async () => () => 1,
      async () => {
        throw Object.assign(new Error("odd"), { socket: () => 1 });
      },
      () => Promise.reject(new Map([[() => 1, 2]])),
    ]) {
      const { host, get } = await actorOf(asking({ run }));
      await host.settle();
      expect((await get()).value).toBe("failed");
    }
  });

  row("a task that asks for a second transaction", async () => {
    const { host, get } = await actorOf(
      asking({
        run: async (_input, { transaction }) => {
          await transaction(async () => {});
          await transaction(async () => {});
        },
      }),
    );
    await host.settle();
    expect(await get()).toMatchObject({
      ...{ value: "failed", context: { result: { code: "wrong-state" } } },
    });
  });

  row("a task that writes outside its transaction after its worker was replaced", async () => {
    const fences: number[] = [];
    const { host } = await actorOf(
      asking({
        run: (_input, { fence }) => {
          fences.push(fence);
          return new Promise(() => {});
        },
      }),
    );
    await host.settle();
    host.kill();
    await host.settle();
    const [first = 0, second = 0] = fences;
    expect(fences).toHaveLength(2);
    expect(second).toBeGreaterThan(first);
  });
});

describe("a chart", () => {
  const failing = {
    guard: { target: "fine", guard: "throws" },
    assign: {
      target: "fine",
      actions: assign({
        value: () => {
          throw new TypeError("no assign");
        },
      }),
    },
  };

  row("a guard or an assign that throws, at an event", async () => {
    for (const config of Object.values(failing)) {
      const { send, get } = await actorOf(doing(config));
      const sent = await send({ type: "DO" }, "k");
      expect(sent).toMatchObject({
        ...{ outcome: "rejected", state: "open", status: "active" },
        reason: { code: "event-rejected", message: expect.stringMatching(/no (guard|assign)/) },
      });
      expect(await send({ type: "DO" }, "k")).toMatchObject({ outcome: "duplicate" });
      expect((await get()).value).toBe("open");
      expect(await send({ type: "FINE" })).toMatchObject({ outcome: "applied" });
    }
  });

  row("a guard or an assign that throws, at a timer, a result or a child's event", async () => {
    for (const config of Object.values(failing)) {
      const { host, get, last, why } = await actorOf(doing(config));
      await pass(host, 1_500);
      expect(await get()).toMatchObject({
        ...{ status: "error", value: "open", context: { value: 0 } },
        error: { message: expect.stringMatching(/no (guard|assign)/) },
      });
      expect(await last()).toMatchObject({ kind: "timer", reason: { code: "event-rejected" } });
      expect(await why()).toMatchObject({ isStuck: true, timers: [], work: [] });
    }
  });

  row("a machine that fails at its start", async () => {
    const machine = setup({}).createMachine({
      context: () => {
        throw new TypeError("no context");
      },
    } as never);
    const failingMachine = durable(machine as unknown as AnyStateMachine, names);
    const host = hostOf(failingMachine);
    await expect(
      host.ask((engine) => engine.start(failingMachine, { id: "a" })),
    ).rejects.toMatchObject({
      ...{ code: "event-rejected", message: expect.stringContaining("no context") },
    });
    await expect(host.ask((engine) => engine.why("a"))).rejects.toMatchObject({
      code: "unknown-actor",
    });
  });

  row("a guard, a delay or an action that a state names, and nothing implements", () => {
    const missing = {
      guard: { on: { DO: { target: "b", guard: "nobody" } } },
      delay: { after: { nobody: "b" } },
      action: { initial: { target: "c", actions: "nobody" }, states: { c: {} } },
    };
    for (const [kind, state] of Object.entries(missing)) {
      const src = setup({}).createMachine({ initial: "a", states: { a: state, b: {} } } as never);
      const parent = setup({}).createMachine({ invoke: { id: "kid", src } } as never);
      expect(() => durable(parent as unknown as AnyStateMachine, names)).toThrow(
        expect.objectContaining({
          code: "machine-not-supported",
          message: expect.stringContaining(`m › kid: state (machine).a asks for the ${kind} "no`),
        }),
      );
    }
  });

  row("a second child with the id of one that still runs", async () => {
    const machine = setup({ actors: { wait: fromPromise(() => new Promise(() => {})) } });
    const { send, get } = await actorOf(
      durable(
        machine.createMachine({
          initial: "open",
          states: {
            // XState enters the state again without leaving it, since the history remembers nothing.
            open: { invoke: { src: "wait" }, on: { DO: "back", FINE: "fine" } },
            ...{ back: { type: "history" }, fine: {} },
          },
        }) as unknown as AnyStateMachine,
        names,
      ),
    );
    expect(await send({ type: "DO" })).toMatchObject({
      ...{ outcome: "rejected", status: "active" },
      reason: { code: "value-not-kept", message: expect.stringContaining("one child of this id") },
    });
    expect((await get()).value).toBe("open");
    expect(await send({ type: "FINE" })).toMatchObject({ outcome: "applied", state: "fine" });
  });

  row("an endless `always`, or actors that answer each other without end", async () => {
    const { send, get } = await actorOf(doing({ target: "endless" }));
    expect(await send({ type: "DO" })).toMatchObject({
      ...{ outcome: "rejected", status: "active", reason: { code: "transition-endless" } },
    });
    expect((await get()).value).toBe("open");
    const again = await actorOf(doing({ actions: raise({ type: "DO" }) }));
    expect(await again.send({ type: "DO" })).toMatchObject({
      ...{ outcome: "rejected", status: "active", reason: { code: "transition-endless" } },
    });
  });
});

describe("the surroundings", () => {
  row("a host's clock that is an hour wrong", async () => {
    let databaseMs = 1_000_000;
    const store = createMemoryEngineStore({ nowMs: () => databaseMs });
    const hourMs = 3_600_000;
    const waiting = doing({ target: "fine" });
    const wrong = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + hourMs };
    const engine = await startEngine(
      { machines: [waiting], work: false },
      {
        ...{ store, clock: wrong, random: systemRandom, log: silentLog },
        ...{ host: "here", pid: 1 },
      },
    );
    onTestFinished(() => engine.close());
    await engine.start(waiting, { id: "a" });
    const { timers } = await engine.why("a");
    const dueMs = Number(timers[0]?.at);
    expect(dueMs).toBeGreaterThanOrEqual(1_001_000);
    expect(dueMs).toBeLessThan(1_001_000 + hourMs / 2);
    databaseMs += 1;
  });

  row("a worker that does not have an actor's version", async () => {
    const chart = { target: "fine" };
    const older = doing(chart);
    const newer = durable(older.machine, { ...names, version: "2.0.0" });
    let nowMs = 0;
    const store = createMemoryEngineStore({ nowMs: () => nowMs });
    const warned: unknown[] = [];
    const open = (machine: DurableMachine, work: boolean) =>
      startEngine(
        { machines: [machine], work },
        {
          ...{ store, clock: systemClock, random: systemRandom, host: "here", pid: 1 },
          log: { ...silentLog, warn: (fields: unknown) => void warned.push(fields) },
        },
      );
    const sender = await open(newer, false);
    await sender.start(newer, { id: "a" });
    const old = await open(older, true);
    onTestFinished(() => old.close());
    await expect(old.send(older, "a", { type: "DO" })).rejects.toMatchObject({
      code: "entry-not-readable",
    });
    await expect(old.get(older, "a")).rejects.toMatchObject({ code: "entry-not-readable" });
    nowMs += 3_600_000;
    expect(await sender.why("a")).toMatchObject({ state: "open", status: "active" });
  });

  row("a worker that lacks a task or an action for which an actor waits", async () => {
    const whole = asking({ run: () => new Promise(() => {}) });
    const { engine, clock, warnings } = createEngineWorld();
    const sender = await engine({ machines: [whole], work: false });
    const lacking = await engine({ machines: [durable(whole.machine, names)] });
    await sender.start(whole, { id: "a" });
    await clock.advance(60_000);
    expect((await lacking.why("a")).lack).toBe('the task "work" of "m@1.0.0"');
    expect(await sender.history("a")).toHaveLength(1);
    expect(warnings).toHaveLength(1);
  });

  row("a database that is away for a minute", async () => {
    const clock = createVirtualClock();
    const store = createMemoryEngineStore({ nowMs: () => clock.nowMs() });
    let isAway = false;
    const away = new LockstepError("database-unreachable", "it is away");
    const ports = {
      store: new Proxy(store, {
        get: (target, name: keyof typeof store) => {
          const act = (target[name] as (...all: never[]) => unknown).bind(target);
          if (name === "watch" || name === "close") return act;
          return async (...given: never[]) => {
            if (isAway) throw away;
            return await act(...given);
          };
        },
      }),
      ...{ clock, random: systemRandom, log: silentLog, host: "here", pid: 1 },
    };
    const machine = doing({ target: "fine" });
    const engine = await startEngine({ machines: [machine] }, ports);
    onTestFinished(() => {
      isAway = true;
    });
    const letPass = async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 100) {
        clock.jumpTo(clock.nowMs() + 100);
        for (let turns = 0; turns < 20; turns += 1) await turn();
      }
    };
    await engine.start(machine, { id: "a" });
    await engine.start(machine, { id: "b" });
    isAway = true;
    await expect(engine.send(machine, "a", { type: "DO" })).rejects.toBe(away);
    await letPass(60_000);
    isAway = false;
    await letPass(5_000);
    expect((await engine.get(machine, "a")).value).toBe("fine");
    expect((await engine.history("a")).map(({ kind }) => kind)).toEqual(["created", "timer"]);
    expect((await engine.get(machine, "b")).value).toBe("fine");
  });

  row("two applications on one database", async () => {
    const one = durable(doing({ target: "fine" }).machine, { ...names, name: "one" });
    const two = durable(doing({ target: "fine" }).machine, { ...names, name: "two" });
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    const open = (machine: DurableMachine, pid: number) =>
      startEngine(
        { machines: [machine] },
        {
          ...{ store, clock: systemClock, random: systemRandom, log: silentLog },
          ...{ host: "here", pid },
        },
      );
    const [first, second] = [await open(one, 1), await open(two, 2)];
    onTestFinished(() => first.close());
    onTestFinished(() => second.close());
    await first.start(one, { id: "of-one" });
    await second.start(two, { id: "of-two" });
    await first.waitFor(one, "of-one", ({ value }) => value === "fine", { timeoutMs: 30_000 });
    await second.waitFor(two, "of-two", ({ value }) => value === "fine", { timeoutMs: 30_000 });
    await expect(first.send(two, "of-two", { type: "FINE" })).rejects.toMatchObject({
      code: "machine-unknown",
    });
  });
});
