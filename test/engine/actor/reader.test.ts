// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: `watch`, `list` and `history` show what they are asked for, page by page. Method: engines on one memory store, in
// virtual time.
import { expect, onTestFinished, test } from "vitest";
import { assign } from "xstate";
import { startEngine } from "../../../src/engine/create-engine.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { createEngineWorld } from "../api/engines.ts";
import { chart, version } from "../migration/migrating.ts";

const light = version(
  "1.0.0",
  chart({
    id: "m",
    context: { n: 0 },
    initial: "red",
    states: {
      red: { tags: ["halt"], on: { NEXT: "green" } },
      green: {
        tags: ["go"],
        on: { NEXT: "red", STAY: { actions: assign({ n: ({ context }: any) => context.n + 1 }) } },
      },
      off: { type: "final" },
    },
    on: { END: ".off" },
  }),
);

async function started(...ids: readonly string[]) {
  const world = createEngineWorld();
  const engine = await world.engine({ machines: [light] });
  await world.clock.advance(2_000);
  for (const id of ids) await engine.start(light, { id });
  return { world, engine };
}

test("a watch goes on after a revision, follows what comes, and ends with its signal", async () => {
  const { world, engine } = await started("a");
  const other = await world.engine({ machines: [light], work: false });
  await engine.send(light, "a", { type: "NEXT" });
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    const options = { after: 0, signal: stop.signal };
    for await (const { revision, event, state, at } of engine.watch(light, "a", options)) {
      seen.push(`${revision} ${event.type} ${state} ${at instanceof Date}`);
    }
  })();
  await world.clock.advance(10);
  await engine.send(light, "a", { type: "STAY" });
  await other.send(light, "a", { type: "NEXT" });
  await world.clock.advance(limits.watchFloorMs);
  expect(seen).toEqual(["1 NEXT green true", "2 STAY green true", "3 NEXT red true"]);
  stop.abort();
  await watching;
  await engine.send(light, "a", { type: "NEXT" });
  expect(seen).toHaveLength(3);
});

test("a watch ends with its actor, and one of an ended actor has all", async () => {
  const { engine } = await started("a");
  await engine.send(light, "a", { type: "END" });
  const all: number[] = [];
  for await (const { revision } of engine.watch(light, "a")) all.push(revision);
  expect(all).toEqual([0, 1]);
  const last: number[] = [];
  for await (const { revision } of engine.watch(light, "a", { after: 1 })) last.push(revision);
  expect(last).toEqual([]);
});

test("a watch reads no snapshot", async () => {
  const { store, clock } = createEngineWorld();
  const past = new Proxy(store, {
    get: (target, name: keyof EngineStore) => {
      if (name === "tail" || name === "tails") throw new Error(`nobody asks for ${name}`);
      return (Reflect.get(target, name) as () => unknown).bind(target);
    },
  });
  const engine = await startEngine(
    { machines: [light], work: false },
    {
      ...{ store: past, clock, random: systemRandom, log: silentLog },
      ...{ host: "here", pid: 1 },
    },
  );
  onTestFinished(() => engine.close());
  await engine.start(light, { id: "a" });
  for (const type of ["NEXT", "END"]) await engine.send(light, "a", { type } as never);
  const seen: number[] = [];
  for await (const { revision } of engine.watch(light, "a")) seen.push(revision);
  expect(seen).toEqual([0, 1, 2]);
});

test("a list by state, tag, status and time, page by page", async () => {
  const { world, engine } = await started("a", "b", "c", "d");
  await world.clock.advance(60_000);
  const noon = new Date(await world.store.nowMs());
  await world.clock.advance(60_000);
  for (const id of ["b", "c", "d"]) await engine.send(light, id, { type: "NEXT" });
  await engine.send(light, "d", { type: "END" });
  // It stays in its state.
  await engine.send(light, "c", { type: "STAY" });
  await world.clock.advance(2 * limits.rowsFlushEveryMs);
  const ids = async (query: Parameters<typeof engine.list>[0]) => {
    const { actors, next } = await engine.list(query);
    return `${actors.map(({ id }) => id).join("")} ${next}`;
  };
  expect(await ids({})).toBe("abcd null");
  expect(await ids({ machine: light, state: "green" })).toBe("bc null");
  expect(await ids({ machine: "m", tag: "halt" })).toBe("a null");
  expect(await ids({ status: "done" })).toBe("d null");
  expect(await ids({ waitingSince: noon })).toBe("a null");
  expect(await ids({ machine: "other" })).toBe(" null");
  expect(await ids({ limit: 3 })).toBe("abc c");
  expect(await ids({ limit: 3, after: "c" })).toBe("d null");
  expect(await ids({ limit: 10_000 })).toBe("abcd null");
});

test("a list by the value of a state, in any order of its regions", async () => {
  const region = { initial: "off", states: { off: { on: { ON: "on" } }, on: {} } };
  const lamps = version(
    "1.0.0",
    chart({ id: "m", type: "parallel", states: { a: region, b: region } }),
  );
  const world = createEngineWorld();
  const engine = await world.engine({ machines: [lamps] });
  await world.clock.advance(2_000);
  for (const id of ["x", "y"]) await engine.start(lamps, { id });
  await engine.send(lamps, "x", { type: "ON" } as never);
  await world.clock.advance(2 * limits.rowsFlushEveryMs);
  for (const state of [{ a: "on", b: "on" }, { b: "on", a: "on" }, '{"a":"on","b":"on"}']) {
    const { actors } = await engine.list({ machine: lamps, state });
    expect(actors.map(({ id }) => id)).toEqual(["x"]);
  }
  expect((await engine.list({ machine: lamps, state: { a: "on" } })).actors).toEqual([]);
});

test("the history from a revision on, at most so much", async () => {
  const { engine } = await started("a");
  for (let sent = 0; sent < 5; sent += 1) await engine.send(light, "a", { type: "NEXT" });
  const revisions = async (options?: Parameters<typeof engine.history>[1]) =>
    (await engine.history("a", options)).map(({ revision }) => revision);
  expect(await revisions()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(await revisions({ from: 2, limit: 3 })).toEqual([2, 3, 4]);
  expect(await revisions({ from: 5 })).toEqual([5]);
  expect(await revisions({ from: 6 })).toEqual([]);
  expect(await revisions({ limit: 1 })).toEqual([0]);
});

test("large entries: a history comes page by page, and a watch has all of them", async () => {
  const { engine } = await started("a");
  const text = "x".repeat(limits.pageLengthMax * 0.4);
  for (let sent = 0; sent < 4; sent += 1) {
    await engine.send(light, "a", { type: "NEXT", text } as never);
  }
  const pages: number[] = [];
  for (let from = 0; ; ) {
    const page = await engine.history("a", { from });
    const last = page.at(-1);
    if (last === undefined) break;
    pages.push(page.length);
    from = last.revision + 1;
  }
  expect(pages).toEqual([4, 1]);
  await engine.stop("a");
  const seen: number[] = [];
  for await (const { revision } of engine.watch(light, "a")) seen.push(revision);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
});
