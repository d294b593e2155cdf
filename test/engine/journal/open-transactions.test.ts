// Aim: a transaction that stays open holds up only what it has written itself. Method: a real replica set; transactions
// that are held open by hand or never end.
import { expect, onTestFinished, test } from "vitest";
import { fromPromise, setup } from "xstate";
import { createEngine, durable } from "../../../src/engine/index.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { holdTransaction } from "../../../src/engine/worker/work/held-transaction.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { appended, entryOf, revisionTaken, workerOf } from "./store-under-test.ts";

const fence = { worker: "w", epoch: 1 };

async function opened() {
  const client = await openClient();
  const databaseName = freshDatabaseName();
  const store = createMongoEngineStore({
    ...{ client, databaseName, clock: systemClock, faultPoints: noFaults },
  });
  onTestFinished(() => store.close());
  await store.prepare(["m"]);
  await store.register(workerOf("w"), 60_000);
  return store;
}

/** A promise that is settled from outside. */
function gate() {
  let open = () => {};
  const opens = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opens };
}

test("in a group that meets an application's open transaction, one entry alone is in conflict", async () => {
  const store = await opened();
  await store.append([entryOf("held", 0)]);
  const [written, release] = [gate(), gate()];
  const open = store.transact(async (session) => {
    await store.append([entryOf("held", 1)], { session });
    written.open();
    await release.opens;
  });
  await written.opens;
  const group = ["a", "b", "held", "c", "d"].map((actor) =>
    entryOf(actor, actor === "held" ? 1 : 0),
  );
  expect(await store.append(group, { fence })).toEqual([
    ...[appended, appended, revisionTaken, appended, appended],
  ]);
  release.open();
  await open;
  expect((await store.tail("held"))?.revision).toBe(1);
});

test("the transactions of tasks leave room for the worker's own", async () => {
  const store = await opened();
  const release = gate();
  let begun = 0;
  const held = Array.from({ length: limits.engineSessionsMax }, () =>
    store.transact(async () => {
      begun += 1;
      await release.opens;
    }),
  );
  await until("all transactions of tasks are open", () => begun === limits.engineSessionsMax);
  expect(await store.append([entryOf("a", 0)], { fence })).toEqual([appended]);
  release.open();
  await Promise.all(held);
});

test("a task whose transaction never ends is tried again once its time is over", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  const writes = client.db(database).collection<{ _id: string; attempt: number }>("writes");
  await client.db(database).createCollection("writes");
  const order = durable(
    setup({
      types: {} as { events: { type: "NEVER" } },
      actors: { charge: fromPromise(async () => {}) },
    }).createMachine({
      initial: "charging",
      states: { charging: { invoke: { src: "charge", onDone: "paid" } }, paid: { type: "final" } },
    }),
    {
      ...{ name: "order", version: "1.0.0" },
      tasks: {
        charge: {
          ...{ timeout: "1s", retry: { attempts: 2, backoff: "1ms..1ms" } },
          run: (_input, { attempt, transaction }) =>
            transaction(async (session) => {
              await writes.insertOne({ _id: "charge", attempt }, { session });
              if (attempt === 1) await new Promise(() => {});
            }),
        },
      },
    },
  );
  const engine = await createEngine({ client, database, machines: [order], log: silentLog });
  onTestFinished(() => engine.close());
  await engine.start(order, { id: "o-1" });
  await engine.waitFor(order, "o-1", ({ status }) => status === "done", { timeoutMs: 30_000 });
  expect(await writes.find().toArray()).toEqual([{ _id: "charge", attempt: 2 }]);
});

test("what an attempt writes after its end never counts", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  const writes = client.db(database).collection<{ _id: string }>("writes");
  await client.db(database).createCollection("writes");
  const store = createMongoEngineStore({
    ...{ client, databaseName: database, clock: systemClock, faultPoints: noFaults },
  });
  onTestFinished(() => store.close());
  /** The attempt ends so many steps of the program after its write has begun. */
  const writtenFor = async (steps: number, hasWritten: boolean) => {
    const begun = gate();
    const attempt = new AbortController();
    const id = `${steps} steps, ${hasWritten}`;
    let late: Promise<unknown> = Promise.resolve();
    const held = holdTransaction(
      store,
      async (session) => {
        if (hasWritten) await writes.insertOne({ _id: `${id}, first` }, { session });
        begun.open();
        late = writes.insertOne({ _id: id }, { session });
        await late;
      },
      attempt.signal,
    );
    const ended = held.then(
      ({ open }) => open.abort(),
      () => {},
    );
    await begun.opens;
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    attempt.abort(new Error("its time is over"));
    await Promise.allSettled([ended, late]);
  };
  for (let steps = 0; steps < 60; steps += 1) {
    for (const hasWritten of [false, true]) await writtenFor(steps, hasWritten);
  }
  expect(await writes.find().toArray()).toEqual([]);
  // The writes hold no lock any more.
  await writes.insertOne({ _id: "0 steps, true, first" });
  await writes.insertOne({ _id: "0 steps, false" });
});
