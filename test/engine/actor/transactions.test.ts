// Aim: what an application writes commits together with a transition, once, or not at all. Method: a real replica set.
import type { MongoClient } from "mongodb";
import { expect, onTestFinished, test } from "vitest";
import { assign, fromPromise, setup } from "xstate";
import { createEngine, type DurableMachine, durable } from "../../../src/engine/index.ts";
import { silentLog } from "../../../src/log.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";

const machine = setup({
  types: {} as { context: { receipt: string | null }; events: { type: "PAID" } | { type: "NOTE" } },
  actors: { charge: fromPromise<string>(async () => "unused") },
}).createMachine({
  context: { receipt: null },
  initial: "open",
  states: {
    open: { on: { PAID: "charging", NOTE: {} } },
    charging: {
      invoke: {
        src: "charge",
        onDone: { target: "paid", actions: assign({ receipt: ({ event }) => event.output }) },
      },
    },
    paid: { type: "final" },
  },
});

async function opened() {
  const client = await openClient();
  const database = freshDatabaseName();
  const writes = client.db(database).collection<{ _id: string; attempt?: number }>("writes");
  await client.db(database).createCollection("writes");
  return { client, database, writes };
}

const plainOrder = durable(machine, { name: "order", version: "1.0.0" });

/** An engine that sends, and runs no work. */
async function senderOf(order: DurableMachine, client: MongoClient, database: string) {
  const machines = [order];
  const engine = await createEngine({ client, database, machines, work: false, log: silentLog });
  onTestFinished(() => engine.close());
  return engine;
}

test("an event and a write of the caller commit together, or neither does", async () => {
  const { client, database, writes } = await opened();
  const order = durable(machine, {
    name: "order",
    version: "1.0.0",
    tasks: { charge: { run: async () => "r" } },
  });
  const engine = await senderOf(order, client, database);
  const act = (isCommitted: boolean, id: string) =>
    client.withSession((session) =>
      session
        .withTransaction(async () => {
          await writes.insertOne({ _id: id }, { session });
          await engine.start(order, { id, session });
          await engine.send(order, id, { type: "PAID" }, { session });
          if (!isCommitted) throw new Error("as asked for");
        })
        .catch(() => {}),
    );
  await act(false, "o-1");
  await act(true, "o-2");
  expect((await writes.find().toArray()).map(({ _id }) => _id)).toEqual(["o-2"]);
  await expect(engine.get(order, "o-1")).rejects.toMatchObject({ code: "unknown-actor" });
  expect((await engine.get(order, "o-2")).value).toBe("charging");
});

test("a caller's transaction can be one of a client with a time-out", async () => {
  const { database } = await opened();
  const client = await openClient({ timeoutMS: 60_000 });
  const engine = await senderOf(plainOrder, client, database);
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await engine.start(plainOrder, { id: "o-1", session });
      await engine.send(plainOrder, "o-1", { type: "NOTE" }, { session });
    }),
  );
  expect(await engine.history("o-1")).toHaveLength(2);
});

test("a unit with a start can be done again where nobody knows whether it was committed", async () => {
  const { client, database, writes } = await opened();
  const engine = await senderOf(plainOrder, client, database);
  const unit = (input: unknown) =>
    client.withSession((session) =>
      session.withTransaction(async () => {
        const set = { $inc: { attempt: 1 } };
        await writes.updateOne({ _id: "unit" }, set, { upsert: true, session });
        for (let call = 0; call < 2; call += 1) {
          await engine.start(plainOrder, { id: "o-1", input, session } as never);
        }
      }),
    );
  await unit({ n: 1 });
  await unit({ n: 1 });
  await expect(unit({ n: 2 })).rejects.toMatchObject({ code: "duplicate-start" });
  expect(await writes.findOne({ _id: "unit" })).toMatchObject({ attempt: 2 });
  expect(await engine.history("o-1")).toHaveLength(1);
});

test("a session in which no transaction has begun is refused", async () => {
  const { client, database } = await opened();
  const engine = await senderOf(plainOrder, client, database);
  await engine.start(plainOrder, { id: "o-1" });
  await client.withSession(async (session) => {
    const refused = { code: "bad-argument" };
    await expect(engine.start(plainOrder, { id: "o-2", session })).rejects.toMatchObject(refused);
    await expect(
      engine.send(plainOrder, "o-1", { type: "NOTE" }, { session }),
    ).rejects.toMatchObject(refused);
  });
  await expect(
    engine.send(plainOrder, "o-1", { type: "NOTE" }, { session: {} as never }),
  ).rejects.toMatchObject({
    ...{ code: "bad-argument", message: expect.stringContaining("found a Object") },
  });
  await expect(engine.get(plainOrder, "o-2")).rejects.toMatchObject({ code: "unknown-actor" });
  expect(await engine.history("o-1")).toHaveLength(1);
});

test.each([
  ["of another client", { isOther: true, options: {} }, "ClientSession must be from the same"],
  [
    "that reads from a secondary",
    { isOther: false, options: { readPreference: "secondary" } },
    "Read preference in a transaction",
  ],
] as const)("a session %s is refused", async (_what, { isOther, options }, words) => {
  const { client, database } = await opened();
  const engine = await senderOf(plainOrder, client, database);
  await engine.start(plainOrder, { id: "o-1" });
  const began = isOther ? await openClient() : client;
  await began.withSession(async (session) => {
    const unit = session.withTransaction(
      () => engine.send(plainOrder, "o-1", { type: "NOTE" }, { session }),
      options,
    );
    const message = expect.stringContaining(words);
    await expect(unit).rejects.toMatchObject({ code: "bad-argument", message });
  });
  expect(await engine.history("o-1")).toHaveLength(1);
});

test("a call says that the application has closed the client", async () => {
  const { client, database } = await opened();
  const engine = await senderOf(plainOrder, client, database);
  await engine.start(plainOrder, { id: "o-1" });
  await client.close();
  const aborted = {
    code: "aborted",
    message: expect.stringContaining("engine's client to be open"),
  };
  const calls = [
    engine.send(plainOrder, "o-1", { type: "NOTE" }),
    engine.start(plainOrder),
    engine.get(plainOrder, "o-1"),
  ];
  for (const call of [...calls, engine.list(), engine.history("o-1"), engine.why("o-1")]) {
    await expect(call).rejects.toMatchObject(aborted);
  }
});

test("a task's writes commit with its result, also where its first commit meets another writer", async () => {
  const { client, database, writes } = await opened();
  let attempts = 0;
  const order = durable(machine, {
    name: "order",
    version: "1.0.0",
    tasks: {
      charge: {
        run: async (_input, { transaction }) => {
          attempts += 1;
          const attempt = attempts;
          return transaction(async (session) => {
            await writes.insertOne({ _id: "charge", attempt }, { session });
            // Another process moves the actor before this attempt commits.
            if (attempt === 1) await other.send(order, "o-1", { type: "NOTE" });
            return `receipt ${attempt}`;
          });
        },
      },
    },
  });
  const engine = await createEngine({ client, database, machines: [order], log: silentLog });
  onTestFinished(() => engine.close());
  const other = await senderOf(order, client, database);
  await engine.start(order, { id: "o-1" });
  await engine.send(order, "o-1", { type: "PAID" });
  const paid = await engine.waitFor(order, "o-1", ({ status }) => status === "done", {
    timeoutMs: 30_000,
  });
  const found = await writes.find().toArray();
  expect(found).toHaveLength(1);
  expect(paid.context.receipt).toBe(`receipt ${found[0]?.attempt}`);
});

test("a worker hears of what its own process appends in a transaction", async () => {
  const { client, database, writes } = await opened();
  const said: string[] = [];
  const chain = setup({
    types: {} as { events: { type: "GO" } },
    actors: { work: fromPromise<void, string>(async () => {}) },
  }).createMachine({
    initial: "idle",
    states: {
      idle: { on: { GO: "one" } },
      one: { invoke: { src: "work", input: "one", onDone: "two" } },
      two: { invoke: { src: "work", input: "two", onDone: "over" } },
      over: { type: "final", entry: () => void said.push("over") },
    },
  });
  const durableChain = durable(chain, {
    name: "chain",
    version: "1.0.0",
    tasks: {
      work: {
        run: (name, { transaction }) =>
          transaction(async (session) => void (await writes.insertOne({ _id: name }, { session }))),
      },
    },
  });
  const engine = await createEngine({
    ...{ client, database, machines: [durableChain], log: silentLog },
  });
  onTestFinished(() => engine.close());
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await engine.start(durableChain, { id: "c", session });
      await engine.send(durableChain, "c", { type: "GO" }, { session });
    }),
  );
  await engine.waitFor(durableChain, "c", ({ status }) => status === "done", { timeoutMs: 60_000 });
  expect(await writes.distinct("_id")).toEqual(["one", "two"]);
  await until("the chart's own action", () => said.length > 0);
  expect(said).toEqual(["over"]);
});
