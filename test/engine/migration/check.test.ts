// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: a check finds before a deploy what each live actor would lose by it. Method: actors in memory, and next versions
// with one fault each.
import { describe, expect, test } from "vitest";
import { fromPromise } from "xstate";
import { checkNext } from "../../../src/engine/migration/check.ts";
import { limits } from "../../../src/limits.ts";
import { createEngineWorld } from "../api/engines.ts";
import { storedRow } from "../journal/store-under-test.ts";
import { chart, version } from "./migrating.ts";

const parts = { actors: { work: fromPromise(async () => {}) } };

const config = (more: object = {}) => ({
  id: "m",
  initial: "idle",
  context: { n: 1 },
  states: {
    idle: { after: { 60000: "old" }, on: { GO: "busy", END: "ended" } },
    busy: { initial: "run", states: { run: { invoke: { src: "work" } } } },
    old: {},
    ended: { type: "final" },
    ...more,
  },
});
const tasks = { work: { run: () => new Promise(() => {}) } };
const one = version("1.0.0", chart(config(), parts), { tasks });
const migrate = { "1.0.0": {} };

async function actors() {
  const world = createEngineWorld();
  const engine = await world.engine({ machines: [one], work: false });
  for (const id of ["idle", "busy", "ended"]) await engine.start(one, { id });
  await engine.send(one, "busy", { type: "GO" });
  await engine.send(one, "ended", { type: "END" });
  return { ...world, engine, start: world.engine };
}

describe("a check", () => {
  test("of a version that loses nothing is safe, and writes nothing", async () => {
    const { engine, store } = await actors();
    const next = version("2.0.0", chart(config({ more: {} }), parts), { tasks, migrate });
    expect(await engine.check(next)).toEqual({ actors: 2, troubles: [], omitted: 0, isSafe: true });
    expect(await engine.check(one)).toMatchObject({ actors: 2, isSafe: true });
    expect((await store.tail("idle"))?.revision).toBe(0);
  });

  test.each<[string, any, readonly string[]]>([
    [
      "a lost state",
      version("2.0.0", chart({ id: "m", initial: "idle", states: { idle: {} } }, parts), {
        tasks,
        migrate,
      }),
      ["busy 1.0.0 state-lost busy.run"],
    ],
    [
      "a state that maps to null",
      version("2.0.0", chart(config(), parts), {
        ...{
          tasks,
          migrate: { "1.0.0": { state: (path: string) => (path === "idle" ? null : path) } },
        },
      }),
      ["idle 1.0.0 state-lost idle"],
    ],
    [
      "a lost child",
      version("2.0.0", chart(config({ busy: { initial: "run", states: { run: {} } } })), {
        migrate,
      }),
      ["busy 1.0.0 work-lost /0.m.busy.run: work"],
    ],
    [
      "a task that is none any more",
      version("2.0.0", chart(config(), parts), { migrate }),
      ["busy 1.0.0 work-lost /0.m.busy.run: work"],
    ],
    [
      "timers and invokes that would never start",
      version(
        "2.0.0",
        chart(
          config({
            idle: { after: { 70000: "old" }, invoke: { src: "work" } },
            busy: {
              initial: "run",
              after: { 5: "old" },
              states: { run: { invoke: { src: "work" } } },
            },
          }),
          parts,
        ),
        { tasks, migrate },
      ),
      [
        "busy 1.0.0 timer-never-starts busy: after 5",
        "idle 1.0.0 timer-never-starts idle: after 70000",
        "idle 1.0.0 invoke-never-starts idle: invoke work",
      ],
    ],
    [
      "a context that cannot be mapped",
      version("2.0.0", chart(config(), parts), {
        tasks,
        migrate: {
          "1.0.0": {
            context: () => {
              throw new Error("no");
            },
          },
        },
      }),
      ["busy 1.0.0 context-not-mapped context", "idle 1.0.0 context-not-mapped context"],
    ],
    [
      "a version without a way",
      version("2.0.0", chart(config(), parts), { tasks }),
      ["busy 1.0.0 no-way 1.0.0", "idle 1.0.0 no-way 1.0.0"],
    ],
    [
      "a way that leads down",
      version("0.9.0", chart(config(), parts), { tasks }),
      ["busy 1.0.0 no-way 1.0.0", "idle 1.0.0 no-way 1.0.0"],
    ],
  ])("finds %s", async (_, next, expected) => {
    const { engine } = await actors();
    const { troubles, isSafe, actors: count } = await engine.check(next);
    const found = troubles.map(
      ({ id, version: of, trouble, what }) => `${id} ${of} ${trouble} ${what}`,
    );
    expect(found.toSorted()).toEqual(expected.toSorted());
    expect(troubles[0]?.state).toMatch(/idle|busy/);
    expect(isSafe).toBe(false);
    expect(count).toBe(2);
  });

  test("of a chart that changed under the same version finds what is gone, and refuses two of one engine", async () => {
    const { engine, store } = await actors();
    const changed = version("1.0.0", chart({ initial: "idle", states: { idle: {} } }));
    await expect(engine.check(changed)).rejects.toMatchObject({ code: "machine-differs" });
    const { troubles } = await checkNext(store, changed, []);
    expect(troubles.map(({ id, trouble }) => `${id} ${trouble}`)).toEqual(["busy state-lost"]);
  });

  test("finds actors that the rows have, and those that no row has yet, each once", async () => {
    const { engine, clock, store, start, close } = await actors();
    const worker = await start({ machines: [one] });
    await clock.advance(40_000);
    await close(worker);
    expect((await store.partitions()).some(({ mark }) => mark !== null)).toBe(true);
    await engine.start(one, { id: "new" });
    expect((await engine.check(one)).actors).toBe(3);
    expect(await storedRow(store, "new")).toBeUndefined();
  });

  test("goes through all pages", async () => {
    const { engine, store } = await actors();
    const many = limits.checkActorsOfPage + 5;
    const tail = await store.tail("idle");
    for (let index = 0; index < many; index += 1) {
      await store.append([{ ...(tail as any), actor: `x${index}`, nonce: `x${index}` }]);
    }
    expect((await engine.check(one)).actors).toBe(many + 2);
  });
});
