// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: an actor can be stopped and asked about where no process can read or migrate it, and what it owes is still done.
// Method: engines on one memory store, in virtual time.
import { expect, test } from "vitest";
import { fromCallback, fromPromise } from "xstate";
import { createEngineWorld } from "../api/engines.ts";
import { chart, version } from "../migration/migrating.ts";

const machineOf = (say: () => Promise<void> = async () => {}) =>
  version(
    "1.0.0",
    chart(
      {
        id: "m",
        initial: "on",
        context: ({ spawn }: any) => ({ n: 1, child: spawn("ears", { id: "ears" }) }),
        on: { GO: {} },
        states: {
          on: { entry: "say", invoke: { src: "work" }, after: { 60000: "late" } },
          late: {},
        },
      },
      {
        actors: { work: fromPromise(() => new Promise(() => {})), ears: fromCallback(() => {}) },
        actions: { say: () => {} },
      },
    ),
    { tasks: { work: {} }, actions: { say } },
  );
const one = machineOf();
const fails = () => {
  throw new Error("no way");
};
const other = chart({ id: "m", initial: "other", states: { other: {} } });
const unrelated = version("3.0.0", other);
const failing = version("2.0.0", other, { migrate: { "1.0.0": { context: fails } } });

test.each([
  ["of an unknown version", unrelated, "entry-not-readable"],
  ["whose migration fails", failing, "migration-refused"],
])("an actor %s can be stopped, and `why` answers without its events", async (_, next, code) => {
  const world = createEngineWorld();
  const old = await world.engine({ machines: [one], work: false });
  await old.start(one, { id: "a" });
  const fresh = await world.engine({ machines: [next] });
  await world.clock.advance(5_000);
  await expect(fresh.get(next, "a")).rejects.toMatchObject({ code });
  const why = await fresh.why("a");
  expect(why).toMatchObject({ events: [], isStuck: false, state: "on", reason: { code } });
  expect(why.timers).toHaveLength(1);
  expect(await fresh.stop("a")).toMatchObject({
    ...{ outcome: "applied", status: "stopped", state: "on", revision: 1 },
  });
  expect(await fresh.stop("a")).toMatchObject({ outcome: "ignored", revision: 1 });
  await world.clock.advance(120_000);
  expect((await fresh.list()).actors).toMatchObject([{ id: "a", status: "stopped" }]);
  expect((await fresh.history("a")).map(({ event }) => event.type)).toEqual([
    "lockstep.created",
    "lockstep.stopped",
  ]);
  const stopped = await old.get(one, "a");
  expect(stopped).toMatchObject({ status: "stopped", value: "on", context: { n: 1 } });
  expect(stopped.children).toEqual({});
});

test("the timers and the work of a stopped actor end, and its actions are carried out", async () => {
  const world = createEngineWorld();
  let tries = 0;
  const machine = machineOf(async () => {
    tries += 1;
    if (tries < 3) throw new Error("not yet");
  });
  const process = await world.engine({ machines: [machine] });
  await world.clock.advance(5_000);
  await process.start(machine, { id: "a" });
  await world.clock.advance(10);
  expect(await process.stop("a")).toMatchObject({ outcome: "applied", status: "stopped" });
  expect(await process.why("a")).toMatchObject({
    ...{ timers: [], work: [{ kind: "action", name: "say" }], events: [], isStuck: false },
  });
  await world.clock.advance(70_000);
  expect(tries).toBe(3);
  expect(await process.why("a")).toMatchObject({ status: "stopped", work: [], isStuck: true });
  expect(await process.get(machine, "a")).toMatchObject({ status: "stopped", value: "on" });
  expect(await process.send(machine, "a", { type: "GO" })).toMatchObject({
    ...{ outcome: "ignored", status: "stopped" },
  });
});
