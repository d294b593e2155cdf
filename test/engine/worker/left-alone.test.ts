// Aim: a worker that cannot run an actor leaves it alone, says so once, and goes on with all others. Method: processes with
// different declarations share one store in memory and a virtual clock; the store fails for one actor.
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, fromPromise, setup } from "xstate";
import { createRegistry } from "../../../src/engine/definition/registry.ts";
import { type DurableMachine, durable } from "../../../src/engine/index.ts";
import { ActorWork } from "../../../src/engine/worker/work/actor-work.ts";
import { limits } from "../../../src/limits.ts";
import { createEngineWorld } from "../api/engines.ts";

const machine = setup({
  types: { events: {} as { type: "STAY" } },
  actors: { charge: fromPromise<number>(async () => 1) },
  actions: { tell: () => {} },
}).createMachine({
  initial: "charging",
  states: {
    charging: {
      invoke: { src: "charge", onDone: "paid" },
      on: { STAY: {} },
      after: { 60000: "late" },
    },
    paid: { entry: "tell" },
    late: {},
  },
});
const names = { name: "order", version: "1.0.0" };
const never = () => new Promise<never>(() => {});
const whole = durable(machine, {
  ...names,
  tasks: { charge: { run: never } },
  actions: { tell: never },
}) as unknown as DurableMachine;
const without = durable(machine, names) as unknown as DurableMachine;
const waiting = durable(
  setup({}).createMachine({
    initial: "open",
    states: { open: { after: { 1000: "over" } }, over: {} },
  }) as AnyStateMachine,
  { name: "waiting", version: "1.0.0" },
) as DurableMachine;

describe("a task that the worker's machine does not declare", () => {
  test("is left alone with its actor, and both the log and `why` say so", async () => {
    const { engine, clock, warnings, store } = createEngineWorld();
    const sender = await engine({ machines: [whole], work: false });
    const worker = await engine({ machines: [without, waiting] });
    await sender.start(whole, { id: "a" });
    await worker.start(waiting, { id: "w" });
    await clock.advance(90_000);
    // Neither its task nor its timer ran, and the actor of the other machine did not wait for it.
    expect((await store.tail("a"))?.revision).toBe(0);
    expect((await store.tail("w"))?.state).toBe("over");
    expect(await worker.why("a")).toMatchObject({ lack: 'the task "charge" of "order@1.0.0"' });
    expect(await sender.why("a")).toMatchObject({ lack: null });
    expect(warnings.map(({ fields }) => fields)).toMatchObject([
      { actor: "a", machine: "order", version: "1.0.0", why: expect.stringMatching(/charge/) },
    ]);
  });

  test("goes on with the next worker that declares it", async () => {
    const { engine, clock, store } = createEngineWorld();
    const sender = await engine({ machines: [whole], work: false });
    await sender.start(whole, { id: "a" });
    const first = await engine({ machines: [without] });
    await clock.advance(5_000);
    await first.close();
    await engine({ machines: [whole] });
    await clock.advance(90_000);
    expect((await store.tail("a"))?.state).toBe("late");
  });

  test("keeps an actor that moves on alone too, and is said once for all", async () => {
    const { engine, clock, warnings, store } = createEngineWorld();
    const sender = await engine({ machines: [whole], work: false });
    await engine({ machines: [without] });
    await sender.start(whole, { id: "a" });
    await sender.start(whole, { id: "b" });
    for (let round = 0; round < 20; round += 1) {
      await sender.send(whole, "a", { type: "STAY" });
      await clock.advance(1_000);
    }
    expect((await store.tail("a"))?.work).toHaveLength(1);
    expect(warnings).toHaveLength(1);
  });

  test("makes two declarations of one version differ", () => {
    const differs = { code: "machine-differs" };
    expect(() => createRegistry([whole, without])).toThrow(expect.objectContaining(differs));
    const other = durable(machine.provide({ actions: { tell: () => {} } }), names);
    // Other code under the same name cannot be told apart.
    expect(createRegistry([without, other as unknown as DurableMachine]).names).toHaveLength(1);
  });
});

test("work that cannot be started ends nothing else of its actor", async () => {
  const failed: string[] = [];
  const begun: string[] = [];
  const work = new ActorWork(
    ({ id }) => {
      if (id === "one") throw new Error("not here");
      begun.push(id);
      return { ended: never(), stop: async () => {} };
    },
    ({ id }, error) => failed.push(`${id}: ${(error as Error).message}`),
  );
  const record = {
    kind: "action",
    name: "tell",
    birth: 0,
    parent: 0,
    path: "",
    askedAtMs: 0,
  } as const;
  const records = ["one", "two"].map((id) => ({ ...record, id, input: "" }));
  work.follow({ revision: 0, version: "1.0.0", work: records });
  await new Promise((resolve) => setImmediate(resolve));
  expect(failed).toEqual(["one: not here"]);
  expect(begun).toEqual(["two"]);
});

test("an actor that fails for another cause is tried less and less often, until it can be run", async () => {
  const { engine, clock, warnings, store } = createEngineWorld();
  const worker = await engine({ machines: [waiting] });
  await worker.start(waiting, { id: "broken" });
  const byStore = store.tail.bind(store);
  let tries = 0;
  let isBroken = true;
  Object.assign(store, {
    async tail(actor: string, session?: unknown) {
      if (actor !== "broken" || !isBroken) return byStore(actor, session);
      tries += 1;
      throw new Error("it is broken");
    },
    async append() {
      throw new Error("it is broken");
    },
  });
  await clock.advance(600_000);
  expect(tries).toBeGreaterThan(5);
  expect(tries).toBeLessThan(30);
  expect(warnings.length).toBeLessThan(10);
  isBroken = false;
  Reflect.deleteProperty(store, "append");
  await clock.advance(limits.workStuckRetryMsMax);
  expect((await store.tail("broken"))?.state).toBe("over");
});
