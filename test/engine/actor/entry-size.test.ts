// Aim: no entry is larger than a document can be, and one that the database refuses fails no other. Method: an engine and
// a group commit on a real replica set, which refuses what is too large.
import { expect, onTestFinished, test } from "vitest";
import { assign, emit, setup } from "xstate";
import { createAppender } from "../../../src/engine/actor/appender.ts";
import { checkSize } from "../../../src/engine/actor/entry-size.ts";
import { createEngine, durable } from "../../../src/engine/index.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { type AnyStore, entryOf, taskOf, timerAt, workerOf } from "../journal/store-under-test.ts";

const mebibyte = 1024 * 1024;
const text = (mebibytes: number) => "x".repeat(mebibytes * mebibyte);

const machine = setup({
  types: {} as {
    context: { kept: string };
    events: { type: "KEEP" | "FAIL" | "EMIT"; value: string };
    emitted: { type: "SAID"; value: string };
  },
  guards: {
    fails: () => {
      throw new Error("no guard");
    },
  },
}).createMachine({
  context: { kept: "" },
  on: {
    KEEP: { actions: assign({ kept: ({ event }) => event.value }) },
    FAIL: { guard: "fails" },
    EMIT: { actions: emit(({ event }) => ({ type: "SAID", value: event.value })) },
  },
});
const large = durable(machine, { name: "large", version: "1.0.0" });

test("a large event beside a large actor is rejected without its text, and the events beside it take effect", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  const engine = await createEngine({
    ...{ client, database, machines: [large], work: false, log: silentLog },
  });
  onTestFinished(() => engine.close());
  const small = Array.from({ length: 20 }, (_, number) => `s${number}`);
  for (const id of ["a", "b", ...small]) await engine.start(large, { id });
  for (const id of ["a", "b"]) await engine.send(large, id, { type: "KEEP", value: text(5) });
  const sent = await Promise.all([
    engine.send(large, "a", { type: "FAIL", value: text(12) }),
    engine.send(large, "b", { type: "EMIT", value: text(7) }),
    ...small.map((id) => engine.send(large, id, { type: "KEEP", value: "y" })),
  ]);
  expect(sent.map(({ outcome }) => outcome)).toEqual([
    ...["rejected", "rejected", ...small.map(() => "applied")],
  ]);
  expect(sent[0]?.reason?.code).toBe("event-rejected");
  expect(sent[1]?.reason?.code).toBe("entry-too-large");
  expect((await engine.history("a")).at(-1)?.event).toEqual({ type: "FAIL" });
  expect(await engine.send(large, "a", { type: "KEEP", value: "z" })).toMatchObject({
    outcome: "applied",
  });
});

test("all texts and all records of an entry count", () => {
  const third = text(5) + "x".repeat(mebibyte / 4);
  const [timer, work] = [timerAt(1), taskOf("a")];
  for (const extra of [
    { snapshot: third, emitted: third, event: third },
    { state: third, tags: [third, third] },
    { timers: [{ ...timer, sendId: third, eventType: third }], eventType: third },
    { work: [{ ...work, name: third, path: third }], reason: { code: "c", message: third } },
    { snapshot: "ä".repeat(8 * mebibyte) },
    { timers: Array.from({ length: 65_536 }, () => timer) },
  ]) {
    expect(() => checkSize(entryOf("a", 0, extra))).toThrow(
      expect.objectContaining({ code: "entry-too-large" }),
    );
  }
  checkSize(entryOf("a", 0, { snapshot: text(14), tags: ["t"], timers: [timer], work: [work] }));
  expect(limits.engineEntryBytesMax).toBe(15 * mebibyte);
});

test("an entry that the database cannot take fails alone, with and without a fence", async () => {
  const store = createMongoEngineStore({
    ...{ client: await openClient(), databaseName: freshDatabaseName() },
    ...{ clock: systemClock, faultPoints: noFaults, log: silentLog },
  }) as AnyStore;
  onTestFinished(() => store.close());
  await store.prepare(["m"]);
  await store.register(workerOf("w"), 60_000);
  const appenders = [
    createAppender(store),
    createAppender(store, () => ({ worker: "w", epoch: 1 })),
  ];
  for (const [number, appender] of appenders.entries()) {
    const actors = Array.from({ length: 9 }, (_, place) => `${number}-${place}`);
    const answers = await Promise.allSettled(
      actors.map((actor, place) =>
        appender.append(entryOf(actor, 0, place === 3 ? { snapshot: text(17) } : {})),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      actors.map((_, place) => (place === 3 ? "rejected" : "fulfilled")),
    );
    expect((await store.tails(actors)).tails).toHaveLength(8);
  }
});
