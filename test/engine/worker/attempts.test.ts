// Aim: the record of attempts lives as long as its work, and work that succeeds at once costs no command for it. Method: an
// engine on the memory store, in virtual time.
import { describe, expect, onTestFinished, test } from "vitest";
import { fromPromise, setup } from "xstate";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { type DurableMachine, durable } from "../../../src/engine/definition/durable.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

type Calls = Partial<EngineStore<unknown>>;

async function opened(
  machine: DurableMachine,
  change: (store: EngineStore<unknown>) => Calls = () => ({}),
) {
  const clock = createVirtualClock();
  const inner = createMemoryEngineStore({
    nowMs: () => clock.monotonicMs(),
  }) as EngineStore<unknown>;
  const calls = change(inner);
  const store = new Proxy(inner, {
    get: (target, name: keyof EngineStore) =>
      calls[name] ?? (target[name] as () => unknown).bind(target),
  });
  const process = async () => {
    const ports = { store, clock, random: systemRandom, log: silentLog, host: "here", pid: 1 };
    const engine = await startEngine({ machines: [machine] }, ports);
    const close = async () => {
      const closing = engine.close();
      await clock.advance(limits.workStopGraceMs);
      await closing;
    };
    onTestFinished(close);
    await clock.advance(1_000);
    return { engine, close };
  };
  return { ...(await process()), clock, store: inner, process };
}

describe("the record of attempts", () => {
  const chart = setup({
    types: {} as { events: { type: "LEAVE" } },
    actors: { work: fromPromise<void>(async () => {}) },
  }).createMachine({
    initial: "working",
    states: {
      working: { invoke: { src: "work", onDone: "over" }, on: { LEAVE: "over" } },
      over: {},
    },
  });

  async function working(failures: number) {
    let removals = 0;
    let attempts = 0;
    const machine = durable(chart, {
      ...{ name: "worker", version: "1.0.0" },
      tasks: {
        work: {
          async run() {
            attempts += 1;
            if (attempts <= failures) throw new Error("not yet");
          },
          retry: { attempts: 100, backoff: "10s..10s" },
        },
      },
    });
    const world = await opened(machine, (store) => ({
      removeAttempts(works) {
        removals += 1;
        return store.removeAttempts(works);
      },
    }));
    await world.engine.start(machine, { id: "a" });
    await world.clock.advance(1_000);
    const [record] = (await world.store.entryOf("a", 0))?.work ?? [];
    const kept = () => world.store.attempts([record?.id ?? ""]);
    return { ...world, machine, kept, removals: () => removals };
  }

  test("is not asked for where the first attempt succeeds", async () => {
    const { removals, store } = await working(0);
    expect((await store.tail("a"))?.state).toBe("over");
    expect(removals()).toBe(0);
  });

  test("goes with the result", async () => {
    const { clock, kept } = await working(1);
    expect(await kept()).toMatchObject([{ attempt: 1, failures: 1 }]);
    await clock.advance(20_000);
    expect(await kept()).toEqual([]);
  });

  test("goes when the state is left", async () => {
    const { engine, machine, clock, kept } = await working(100);
    expect(await kept()).toHaveLength(1);
    await engine.send(machine, "a", { type: "LEAVE" });
    await clock.advance(1_000);
    expect(await kept()).toEqual([]);
  });

  test("stays while another worker goes on with the work", async () => {
    const { close, process, clock, kept } = await working(2);
    await close();
    expect(await kept()).toMatchObject([{ attempt: 1, failures: 1 }]);
    await process();
    await clock.advance(10_000);
    expect(await kept()).toMatchObject([{ attempt: 2, failures: 2 }]);
  });
});
