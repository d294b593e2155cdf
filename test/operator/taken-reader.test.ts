// Aim: the edges that an actor took are read from its journal, once, and only those that it tells. Method: engines on one
// memory store, in virtual time; journals with gaps and of other versions, made up.
import { expect, test } from "vitest";
import { createMachine } from "xstate";
import { typedChartOf } from "../../src/diagram/edges-between.ts";
import { rowOf } from "../../src/engine/journal/entry.ts";
import { limits } from "../../src/limits.ts";
import { grownWay, noWay, TakenReader } from "../../src/operator/actors/taken-reader.ts";
import { createEngineWorld } from "../engine/api/engines.ts";
import { version } from "../engine/migration/migrating.ts";

const machine = createMachine({
  initial: "open",
  states: {
    open: { on: { PAY: "paid" }, after: { 60000: "late" } },
    paid: { on: { SHIP: "shipped", UNDO: "open" } },
    late: {},
    shipped: {},
  },
});
const chart = typedChartOf(machine);
const order = version("1.0.0", machine);

async function started(events: readonly string[]) {
  const world = createEngineWorld();
  const engine = await world.engine({ machines: [order] });
  await world.clock.advance(2_000);
  await engine.start(order, { id: "a" });
  for (const type of events) await engine.send(order, "a", { type });
  const asked: number[] = [];
  const store = {
    entries(id: string, from: number, limit: number) {
      asked.push(from);
      return world.store.entries(id, from, limit);
    },
  };
  const reader = new TakenReader(store);
  const read = async () => {
    const tail = await world.store.tail("a");
    if (tail === undefined) throw new Error("there is an actor");
    const { actor: id, revision, startedAtMs } = rowOf(tail);
    return reader.read({ id, revision, started: new Date(startedAtMs) }, chart);
  };
  return { world, engine, asked, read };
}

test("each edge once, the last one, and the states; an event that is ignored takes none", async () => {
  const { read } = await started(["PAY", "UNDO", "PAY", "NO"]);
  expect(await read()).toEqual({
    taken: ["open PAY -> paid", "paid UNDO -> open"],
    last: ["open PAY -> paid"],
    ...{ passed: ["open", "paid"], from: 0 },
  });
});

test("a timer takes its edge, and what was read once is not read again", async () => {
  const { world, read, asked } = await started([]);
  expect(await read()).toMatchObject({ taken: [], last: [], passed: ["open"] });
  await world.clock.advance(61_000);
  expect(await read()).toMatchObject({ taken: ["open after 1 min -> late"], from: 0 });
  await read();
  expect(asked).toEqual([0, 1]);
});

test("of a long journal it reads the last transitions, and says from where", async () => {
  const many = limits.dashboardTakenTransitionsMax;
  const { read } = await started(["PAY", ...Array.from({ length: many }, () => "NO"), "SHIP"]);
  expect(await read()).toMatchObject({ taken: ["paid SHIP -> shipped"], from: 2 });
});

test("after a gap, in another life and in another version the way begins anew; a stop takes no edge", async () => {
  const { world } = await started(["PAY", "UNDO"]);
  const [first, second, third] = await world.store.entries("a", 0, 3);
  if (!first || !second || !third) throw new Error("there are three entries");
  const way = grownWay(grownWay(noWay, first, chart), second, chart);
  expect(way.taken).toEqual(["open PAY -> paid"]);
  for (const other of [
    { ...third, revision: 9 },
    { ...third, startedAtMs: third.startedAtMs + 1 },
    { ...third, version: "2.0.0" },
  ]) {
    expect(grownWay(way, other, chart)).toMatchObject({ taken: [], from: other.revision });
  }
  const stopped = { ...third, kind: "stopped", eventType: "UNDO" } as const;
  expect(grownWay(way, stopped, chart).taken).toEqual(way.taken);
});
