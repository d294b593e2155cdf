// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: the actors of an engine can be listed, shown and explained without its machines, and an event finds its machine in a
// module. Method: engines on one memory store, in virtual time.
import { expect, test } from "vitest";
import { fromPromise } from "xstate";
import { encode } from "../../src/engine/values/encode.ts";
import { limits } from "../../src/limits.ts";
import { type JournalPage, journalOf } from "../../src/operator/actors/journal.ts";
import { listActors } from "../../src/operator/actors/list.ts";
import { keepingLog } from "../../src/operator/actors/open-engine.ts";
import { tailOf } from "../../src/operator/actors/reading.ts";
import { machinesOfModule, receiverOf } from "../../src/operator/actors/send-event.ts";
import { lookAtActor, showActor, whyActor } from "../../src/operator/actors/show-actor.ts";
import { keptJsonOf, keptValuesOf } from "../../src/operator/actors/texts/kept-text.ts";
import { createEngineWorld } from "../engine/api/engines.ts";
import { chart, version } from "../engine/migration/migrating.ts";

const failing = fromPromise(async () => {
  throw new Error("no bank");
});
const config = {
  id: "m",
  context: ({ input }: any) => ({ at: new Date(0), cents: 3n, ...input }),
  initial: "open",
  states: {
    open: { tags: ["new"], on: { PAY: "charging", STOP: "off" }, after: { 60000: "off" } },
    charging: { invoke: { src: "charge", onError: "open" } },
    off: { type: "final" },
  },
  output: { over: true },
};
const retry = { attempts: 9, backoff: "1h..1h" };
const options = { tasks: { charge: { retry } } } as any;
const order = version("1.0.0", chart(config, { actors: { charge: failing } }), options);

async function started() {
  const world = createEngineWorld();
  const engine = await world.engine({ machines: [order] });
  await world.clock.advance(2_000);
  for (const id of ["a", "b", "c"]) await engine.start(order, { id });
  await engine.send(order, "b", { type: "PAY", cents: 7 });
  await engine.send(order, "c", { type: "STOP" });
  await world.clock.advance(limits.rowsStaleMsMax);
  const { log } = keepingLog();
  const { signal } = new AbortController();
  return { world, engine, reading: { store: world.store, database: "shop", signal, log } };
}

test("a list has the actors that are asked for, page by page, and how many workers write it", async () => {
  const { world, engine, reading } = await started();
  const ids = async (query: object) =>
    (await listActors(reading, { limit: 9, ...query })).actors.map(({ id }) => id);
  expect(await ids({})).toEqual(["a", "b", "c"]);
  expect(await ids({ machine: "m", state: "charging" })).toEqual(["b"]);
  expect(await ids({ machine: "m", tag: "new" })).toEqual(["a"]);
  expect(await ids({ status: "done" })).toEqual(["c"]);
  expect(await ids({ waitingFor: 10_000 })).toEqual(["a", "b", "c"]);
  expect(await ids({ waitingFor: 3_600_000 })).toEqual([]);
  const first = await listActors(reading, { limit: 2 });
  expect(first).toMatchObject({ database: "shop", workers: 1, next: "b", staleMs: 30_000 });
  expect(await ids({ after: first.next })).toEqual(["c"]);
  await expect(listActors(reading, { machine: "mm" })).rejects.toMatchObject({
    ...{ code: "machine-unknown", message: expect.stringContaining('"mm" beside m:') },
  });
  await expect(listActors(reading, { state: "open" })).rejects.toMatchObject({
    code: "bad-argument",
  });
  await world.close(engine);
  expect(await listActors(reading, {})).toMatchObject({ workers: 0 });
});

test("a worker counts while its lease lasts, for its machines; then its actors show that it is gone", async () => {
  const { world, engine, reading } = await started();
  await world.close(engine);
  const machines = ["other@1.0.0"];
  await world.store.register({ worker: "w", epoch: 1, machines, host: "h", pid: 9 }, 1_000);
  const { partition } = await tailOf(world.store, "a");
  const found = (await world.store.partitions()).find((each) => each.partition === partition);
  if (found) await world.store.assign(found, "w");
  expect(await listActors(reading, {})).toMatchObject({ workers: 1 });
  expect(await listActors(reading, { machine: "m" })).toMatchObject({ workers: 0 });
  const worker = { name: "w", host: "h", pid: 9 };
  expect((await whyActor(reading, "a", null)).worker).toEqual({ ...worker, isAlive: true });
  await world.clock.advance(1_001);
  expect(await listActors(reading, {})).toMatchObject({ workers: 0 });
  expect((await showActor(reading, "a")).worker).toEqual({ ...worker, isAlive: false });
});

test("an actor is shown without its machine: values with their types, timers, work, last transitions", async () => {
  const { engine, reading } = await started();
  expect(await showActor(reading, "b")).toMatchObject({
    ...{ id: "b", machine: "m", version: "1.0.0", state: "charging", status: "active" },
    ...{ revision: 1, tags: [], reason: null, timers: [] },
    work: [{ kind: "task", name: "charge", attempt: 1, lastError: "no bank" }],
    worker: { host: "here", pid: 1, isAlive: true },
    values: {
      context: {
        json: {
          at: { "@": ["Date", "1970-01-01T00:00:00.000Z"] },
          cents: { "@": ["bigint", "3"] },
        },
        text: "{ at: 1970-01-01T00:00:00.000Z, cents: 3n }",
      },
      output: null,
    },
    history: [
      { revision: 0, kind: "created", state: "open" },
      { revision: 1, kind: "caller", type: "PAY", event: { type: "PAY", cents: 7 } },
    ],
  });
  expect((await showActor(reading, "a")).timers).toEqual([
    { event: "xstate.after.60000.m.open", at: expect.any(Date) },
  ]);
  expect((await showActor(reading, "c")).values.output?.json).toEqual({ over: true });
  for (let count = 0; count < limits.shownEventsMax + 3; count += 1) {
    await engine.send(order, "a", { type: `NO-${count}` } as any);
  }
  const { history, revision } = await showActor(reading, "a");
  expect(history).toHaveLength(limits.shownEventsMax);
  expect(history.at(-1)?.revision).toBe(revision);
  await expect(showActor(reading, "z")).rejects.toMatchObject({ code: "unknown-actor" });
  await expect(showActor(reading, "\u0000")).rejects.toMatchObject({ code: "bad-argument" });
});

test("why tells the events only with the machine, and says what a module lacks", async () => {
  const { reading } = await started();
  expect(await whyActor(reading, "a", null)).toMatchObject({
    ...{ events: null, reason: null, lack: null, isStuck: false, timers: [{}] },
  });
  expect(await whyActor(reading, "a", [order])).toMatchObject({ events: ["PAY", "STOP"] });
  expect(await whyActor(reading, "c", null)).toMatchObject({ status: "done", isStuck: true });
  const other = version("2.0.0", chart(config, { actors: { charge: failing } }), options);
  expect(await whyActor(reading, "a", [other])).toMatchObject({
    ...{ events: null, reason: { code: "entry-not-readable" }, lack: 'the machine "m@1.0.0"' },
  });
});

/** Transitions 0 to 100 of which 1 to 39 are deleted, in pages of three. */
function longJournal(reading: Awaited<ReturnType<typeof started>>["reading"], kept = 40) {
  let read = 0;
  const store = new Proxy(reading.store, {
    get(target, name) {
      if (name === "tail") return async () => ({ ...(await target.tail("a")), revision: 100 });
      if (name !== "entries") return Reflect.get(target, name).bind(target);
      return async (_id: string, from: number, limit: number) => {
        const [first] = await target.entries("a", 0, 1);
        const found = Array.from({ length: 101 }, (_, at) => at)
          .filter((at) => at >= from && (at === 0 || at >= kept))
          .slice(0, Math.min(limit, 3));
        read += found.length;
        return found.map((at) => ({ ...first, revision: at, event: `{"type":"E${at}"}` }));
      };
    },
  });
  return { store, read: () => read };
}

test("the journal is read page by page, from its end to its beginning, and names what was deleted", async () => {
  const { reading } = await started();
  const { store, read } = longJournal(reading);
  const seen: number[] = [];
  let before: number | null = null;
  let deleted = 0;
  for (const pages of [1, 2, 3, 4]) {
    const page: JournalPage = await journalOf({ store }, "a", before, 20);
    seen.unshift(...page.transitions.map(({ revision }) => revision));
    ({ before, deleted } = page);
    expect([pages, before === null]).toEqual([pages, pages === 4]);
  }
  expect(seen).toEqual([0, ...Array.from({ length: 61 }, (_, at) => at + 40)]);
  expect(deleted).toBe(39);
  expect(read()).toBeLessThan(62 + 4 * 6);
  const last = await journalOf({ store }, "a", 101, 1);
  expect(last.transitions).toMatchObject([{ revision: 100, event: "{ type: 'E100' }" }]);
  expect((await journalOf({ store }, "a", 10, 20)).transitions).toHaveLength(1);
  // A page of the store that is cut at its size hides none of the last transitions.
  const { history } = await showActor({ ...reading, store }, "a");
  expect(history.map(({ revision }) => revision).at(-1)).toBe(100);
});

test("a journal whose every transition is kept ends with its first one, and has lost none", async () => {
  const { reading } = await started();
  const { store } = longJournal(reading, 1);
  const page = await journalOf({ store }, "a", 15, 20);
  expect([page.transitions.length, page.before, page.deleted]).toEqual([15, null, 0]);
  expect((await journalOf({ store }, "a", 40, 20)).before).toBe(20);
});

test("one look has the actor, the answer to why, and whether an event can be sent", async () => {
  const { reading } = await started();
  const found = await lookAtActor(reading, "b", [order]);
  expect(found.shown).toMatchObject({ id: "b", state: "charging", revision: 1 });
  expect(found.why).toMatchObject({ events: [], lack: null, work: [{ name: "charge" }] });
  expect(found.sending).toEqual({ migratesTo: null });
  const other = version("2.0.0", chart(config, { actors: { charge: failing } }), options);
  const { why, sending } = await lookAtActor(reading, "a", [other]);
  expect([why.reason?.code, sending]).toEqual([
    "entry-not-readable",
    { refusal: expect.stringContaining('expected the module to export "m@1.0.0"') },
  ]);
  expect((await lookAtActor(reading, "a", null)).sending).toEqual({
    refusal: expect.stringContaining("--module"),
  });
  await expect(lookAtActor(reading, "z", [order])).rejects.toMatchObject({ code: "unknown-actor" });
});

test("reading writes nothing", async () => {
  const { world, reading } = await started();
  const writes: string[] = [];
  const store = new Proxy(world.store, {
    get(target, name) {
      const isRead = ["nowMs", "tail", "rows", "entries", "attempts", "workers", "partitions"];
      if (!isRead.includes(String(name))) writes.push(String(name));
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await listActors({ ...reading, store }, { machine: "m" });
  await showActor({ ...reading, store }, "b");
  await whyActor({ ...reading, store }, "b", [order]);
  expect(writes).toEqual([]);
});

test("an event finds the actor's machine in a module, and the version to which it brings the actor", async () => {
  const { reading } = await started();
  const tail = await tailOf(reading.store, "a");
  const one = chart(config, { actors: { charge: failing } });
  const next = version("2.0.0", one, { ...options, migrate: { "1.0.0": {} } });
  const cut = version("2.0.0", one, options);
  expect(receiverOf(tail, "shop", [order]).receiver).toMatchObject({ migratesTo: null });
  const { receiver, machines } = receiverOf(tail, "shop", [next, order]);
  expect([receiver.migratesTo, machines]).toEqual(["2.0.0", [next, order]]);
  const ended = await tailOf(reading.store, "c");
  expect(receiverOf(ended, "shop", [next, order]).receiver).toMatchObject({ migratesTo: null });
  expect(() => receiverOf(tail, "shop", [cut])).toThrow(/"m@1.0.0" or a way from it, found the/);
  const foreign = { ...tail, machine: "other" };
  expect(() => receiverOf(foreign, "shop", [order])).toThrow(
    /export the machine "other".* found m:/,
  );
  expect(machinesOfModule({ all: [order], twice: order })).toEqual([order]);
  expect(() => machinesOfModule({ machine: one })).toThrow("exports a durable machine");
});

test("a value that is large, or refers to an actor, is shown in part", () => {
  const of = (context: unknown) =>
    keptValuesOf(
      encode({ root: { birth: 0, snapshot: { context } } }, { reference: () => "0" } as any),
    ).context?.text ?? "";
  const wide = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index]),
  );
  const lines = of(wide).split("\n");
  expect(lines).toHaveLength(limits.shownValueLines + 1);
  expect(lines.at(-1)).toMatch(/^… \d+ more lines; `lockstep actors show --json` has all of them$/);
  expect(of({ text: "x".repeat(5_000) })).toContain("4000 more characters");
  expect(of({ text: "a\u001b[2J\nforged" })).toBe("{ text: 'a\\x1B[2J\\nforged' }");
  expect(keptValuesOf(null)).toEqual({ context: null, output: null });
  const broken = expect.objectContaining({ code: "record-broken" });
  for (const text of ["no", '{"@":["Nothing"]}']) {
    expect(() => keptValuesOf(text)).toThrow(broken);
    expect(() => keptJsonOf(text)).toThrow(broken);
  }
});
