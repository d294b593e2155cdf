// Aim: a deadline is met however many other rows of its partition are due. Method: one partition in memory has more actors
// with work that runs than a page of rows, and a virtual clock goes beyond the deadlines that a worker keeps in memory; the
// rows cannot be written for a while.
import { expect, test } from "vitest";
import { fromPromise, setup } from "xstate";
import { partitionOf } from "../../../src/engine/actor/partition.ts";
import { type DurableMachine, durable } from "../../../src/engine/index.ts";
import { LockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { createEngineWorld } from "../api/engines.ts";

const order = durable(
  setup({
    types: { input: {} as { waits: boolean } },
    actors: { charge: fromPromise<number>(async () => 1) },
    guards: {
      waits: ({ event }) => (event as unknown as { input: { waits: boolean } }).input.waits,
    },
  }).createMachine({
    initial: "new",
    states: {
      new: { always: [{ guard: "waits", target: "waiting" }, { target: "charging" }] },
      waiting: { after: { 120000: "late" } },
      charging: { invoke: { src: "charge", onDone: "paid" }, after: { 150000: "late" } },
      paid: {},
      late: {},
    },
  }),
  {
    ...{ name: "order", version: "1.0.0" },
    tasks: { charge: { run: () => new Promise<never>(() => {}) } },
  },
) as unknown as DurableMachine;

/** Ids of actors of one partition. */
function* ids(): Generator<string> {
  for (let number = 0; ; number += 1) {
    const id = `o${number}`;
    if (partitionOf("order", id) === "order/0") yield id;
  }
}

test("work that runs hides no deadline of another actor, nor one of its own", async () => {
  const { engine, clock, store } = createEngineWorld();
  const worker = await engine({ machines: [order] });
  const next = ids();
  const charging: string[] = [];
  for (let count = 0; count < limits.dueRowsOnce + 10; count += 1) {
    charging.push(next.next().value as string);
  }
  const waiting = next.next().value as string;
  await Promise.all(
    charging.map((id) => worker.start(order, { id, input: { waits: false } } as never)),
  );
  await worker.start(order, { id: waiting, input: { waits: true } } as never);
  await clock.advance(122_000);
  expect((await store.tail(waiting))?.state).toBe("late");
  await clock.advance(30_000);
  const { tails } = await store.tails(charging);
  expect(new Set(tails.map(({ state }) => state))).toEqual(new Set(["late"]));
});

test("the mark of a partition waits for the rows of what came before it", async () => {
  const { engine, clock, store } = createEngineWorld();
  const worker = await engine({ machines: [order] });
  await clock.advance(1_000);
  const id = ids().next().value as string;
  const saveRows = store.saveRows.bind(store);
  Object.assign(store, {
    async saveRows() {
      throw new LockstepError("database-unreachable", "it is away");
    },
  });
  await worker.start(order, { id, input: { waits: true } } as never);
  const markOf = async () => {
    const records = await store.partitions();
    return records.find(({ partition }) => partition === "order/0")?.mark;
  };
  await clock.advance(70_000);
  expect(await markOf()).toBeNull();
  Object.assign(store, { saveRows });
  await clock.advance(40_000);
  expect(await markOf()).toBe("1");
});
