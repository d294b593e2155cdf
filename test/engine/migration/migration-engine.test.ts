// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: processes of two versions share actors: a newer one migrates what it touches, an older one leaves it alone. Method:
// engines on one memory store, in virtual time.
import { expect, test } from "vitest";
import { assign, fromPromise } from "xstate";
import { createEngineWorld } from "../api/engines.ts";
import { chart, version } from "./migrating.ts";

const tasks = (run: () => Promise<unknown>) => ({ tasks: { work: { run } } });

function orders(name: string, key: string) {
  return chart(
    {
      id: "m",
      initial: name,
      context: ({ input }: any) => ({ [key]: 0, ...input }),
      states: {
        [name]: {
          on: {
            ADD: { actions: assign({ [key]: ({ context }: any) => context[key] + 1 }) },
            WORK: "busy",
            END: "ended",
          },
          after: { 60000: "late" },
        },
        busy: { invoke: { src: "work", onDone: "worked" } },
        worked: {},
        late: {},
        ended: { type: "final" },
      },
    },
    { actors: { work: fromPromise(async () => {}) } },
  );
}

const one = version(
  "1.0.0",
  orders("open", "n"),
  tasks(async () => 1),
);
const two = version("2.0.0", orders("opened", "count"), {
  ...tasks(async () => 2),
  migrate: {
    "1.0.0": {
      state: (path: string) => (path === "open" ? "opened" : path),
      context: ({ n, fails }: any) => {
        if (fails) throw new Error("cannot be counted");
        return { count: n };
      },
    },
  },
});

test("an event migrates the actor first, and an older process leaves it alone", async () => {
  const { engine, clock } = createEngineWorld();
  const old = await engine({ machines: [one], work: false });
  await old.start(one, { id: "a" });
  await old.send(one, "a", { type: "ADD" });
  await clock.advance(10);
  const fresh = await engine({ machines: [two], work: false });
  expect(await fresh.get(two, "a")).toMatchObject({ value: "opened", context: { count: 1 } });
  expect(await fresh.history("a")).toHaveLength(2);
  expect(await fresh.send(two, "a", { type: "ADD" }, { key: "k" })).toMatchObject({
    outcome: "applied",
    state: "opened",
    revision: 3,
  });
  const [, , migrated, added] = await fresh.history("a");
  expect(migrated).toMatchObject({
    kind: "migrated",
    event: { type: "lockstep.migrated", from: "1.0.0", to: "2.0.0" },
    ...{ outcome: "applied", state: "opened", status: "active", version: "2.0.0" },
  });
  expect(added).toMatchObject({ kind: "caller", version: "2.0.0" });
  expect((await fresh.get(two, "a")).context).toEqual({ count: 2 });
  expect((await fresh.why("a")).since).toEqual(new Date(0));
  const before = await fresh.history("a");
  for (const asked of [() => old.send(one, "a", { type: "ADD" }), () => old.get(one, "a")]) {
    const answer = asked().catch((error: unknown) => error);
    await clock.advance(10);
    expect(await answer).toMatchObject({ code: "entry-not-readable" });
  }
  expect(await fresh.history("a")).toEqual(before);
  expect(await fresh.send(two, "a", { type: "ADD" }, { key: "k" })).toMatchObject({
    outcome: "duplicate",
  });
});

test("a migration that is refused changes nothing, and names the actor", async () => {
  const { engine, warnings, clock } = createEngineWorld();
  const old = await engine({ machines: [one], work: false });
  await old.start(one, { id: "a", input: { fails: true } });
  const fresh = await engine({ machines: [one, two] });
  await clock.advance(1_000);
  await expect(fresh.send(two, "a", { type: "ADD" })).rejects.toMatchObject({
    code: "migration-refused",
    details: {
      ...{ actor: "a", machine: "m", from: "1.0.0", to: "2.0.0" },
      troubles: [{ trouble: "context-not-mapped", what: "context" }],
    },
    message: expect.stringMatching(/"a".*cannot be counted.*stays as it is/),
  });
  await clock.advance(120_000);
  // Once for all actors of that version.
  expect(warnings.map(({ fields }) => fields)).toMatchObject([
    { actor: "a", why: expect.stringMatching(/cannot be counted/) },
  ]);
  expect(await fresh.history("a")).toHaveLength(1);
  expect((await old.send(one, "a", { type: "ADD" })).outcome).toBe("applied");
});

test("a worker of the newer version alone fires the timers and does the work of older actors", async () => {
  const { engine, clock } = createEngineWorld();
  const old = await engine({ machines: [one], work: false });
  await old.start(one, { id: "waits" });
  await old.start(one, { id: "works" });
  await old.send(one, "works", { type: "WORK" });
  const fresh = await engine({ machines: [two] });
  await clock.advance(61_000);
  expect((await fresh.get(two, "waits")).value).toBe("late");
  expect((await fresh.get(two, "works")).value).toBe("worked");
  expect((await fresh.history("works")).map(({ kind, version: of }) => `${kind} ${of}`)).toEqual([
    "created 1.0.0",
    "caller 1.0.0",
    "migrated 2.0.0",
    "result 2.0.0",
  ]);
});

test("work of an older version that a sender adds to a newer worker's actors is done in the newer version", async () => {
  const { engine, clock } = createEngineWorld();
  const old = await engine({ machines: [one], work: false });
  const fresh = await engine({ machines: [two] });
  await clock.advance(2_000);
  await old.start(one, { id: "a" });
  await old.send(one, "a", { type: "WORK" });
  await clock.advance(2_000);
  expect((await fresh.get(two, "a")).value).toBe("worked");
});

test("work that is under way goes on through a migration, and its result counts once", async () => {
  const { engine, clock } = createEngineWorld();
  const parts = { actors: { work: fromPromise(async () => {}) } };
  const busy = (name: string) =>
    chart(
      {
        id: "m",
        initial: name,
        states: { [name]: { invoke: { src: "work", onDone: "worked" } }, worked: {} },
      },
      parts,
    );
  const answers: ((value: unknown) => void)[] = [];
  const slow = version(
    "1.0.0",
    busy("busy"),
    tasks(() => new Promise((resolve) => answers.push(resolve))),
  );
  const next = version("2.0.0", busy("working"), {
    ...tasks(async () => "again"),
    migrate: { "1.0.0": { state: () => "working" } },
  });
  const process = await engine({ machines: [slow, next] });
  await clock.advance(2_000);
  await process.start(slow, { id: "a" });
  await clock.advance(2_000);
  expect(await process.send(next, "a", { type: "OTHER" })).toMatchObject({ state: "working" });
  await clock.advance(2_000);
  expect(answers).toHaveLength(1);
  for (const answer of answers) answer("once");
  await clock.advance(2_000);
  const history = await process.history("a");
  expect(history.map(({ kind, version: of }) => `${kind} ${of}`)).toEqual([
    "created 1.0.0",
    "migrated 2.0.0",
    "caller 2.0.0",
    "result 2.0.0",
  ]);
  expect(history.at(-1)?.event).toMatchObject({
    ...{ type: "xstate.done.actor.0.m.working", output: "once" },
  });
});

test("the migration and the event of a caller's transaction commit together", async () => {
  const { engine, store } = createEngineWorld();
  const process = await engine({ machines: [one, two], work: false });
  await process.start(one, { id: "a" });
  await store.transact(async (session) => {
    await process.send(two, "a", { type: "ADD" }, { session: session as any });
  });
  expect((await process.history("a")).map(({ kind }) => kind)).toEqual([
    "created",
    "migrated",
    "caller",
  ]);
});

test("an actor that has ended stays in its version", async () => {
  const { engine } = createEngineWorld();
  const process = await engine({ machines: [one, two], work: false });
  await process.start(one, { id: "a" });
  await process.stop("a");
  expect(await process.send(two, "a", { type: "ADD" })).toMatchObject({ outcome: "ignored" });
  expect((await process.history("a")).at(-1)).toMatchObject({ kind: "stopped" });
});

test("ids and keys that are no whole text are refused", async () => {
  const { engine } = createEngineWorld();
  const process = await engine({ machines: [one], work: false });
  const half = "a\ud800";
  await process.start(one, { id: "a\ufffd" });
  for (const asked of [
    () => process.start(one, { id: half }),
    () => process.start(one, { key: half }),
    () => process.send(one, half, { type: "ADD" }),
    () => process.send(one, "a\ufffd", { type: "ADD" }, { key: half }),
    () => process.stop(half),
    () => process.get(one, half),
    () => process.why(half),
    () => process.history(half),
  ]) {
    await expect(asked()).rejects.toMatchObject({ code: "bad-argument" });
  }
  expect((await process.start(one, { id: "😀" })).length).toBe(2);
});

test("a newer version alone ends the actions of an actor that has ended in an older one", async () => {
  const { engine, clock, store } = createEngineWorld();
  const ending = () =>
    chart(
      {
        id: "m",
        initial: "on",
        states: { on: { on: { END: "off" } }, off: { type: "final", entry: "tell" } },
      },
      { actions: { tell: () => {} } },
    );
  const told: string[] = [];
  const telling = (name: string) => ({ actions: { tell: async () => void told.push(name) } });
  const old = version("1.0.0", ending(), telling("old"));
  const next = version("2.0.0", ending(), { ...telling("next"), migrate: { "1.0.0": {} } });
  const sender = await engine({ machines: [old], work: false });
  await sender.start(old, { id: "a" });
  await sender.send(old, "a", { type: "END" });
  await engine({ machines: [next] });
  await clock.advance(60_000);
  expect(told).toEqual(["next"]);
  expect(await store.tail("a")).toMatchObject({
    ...{ version: "1.0.0", status: "done", work: [], state: "off", kind: "result" },
  });
});
