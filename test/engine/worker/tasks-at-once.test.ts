// Aim: a process runs at most so many tasks at the same time, in their order, and one whose state is left never begins.
// Method: an engine on a memory store in virtual time, with tasks that end when the test says so.
import { expect, test } from "vitest";
import { fromCallback, fromPromise, setup } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { createEngineWorld } from "../api/engines.ts";

function visits() {
  const running = new Map<string, () => void>();
  const begun: string[] = [];
  const attempts = new Map<string, number>();
  const machine = durable(
    setup({
      types: {} as { events: { type: "LEAVE" } | { type: "HEARD" } },
      actors: {
        visit: fromPromise<string>(async () => ""),
        ear: fromCallback<{ type: "x" }>(({ sendBack }) => sendBack({ type: "HEARD" })),
      },
    }).createMachine({
      initial: "visiting",
      states: {
        visiting: {
          invoke: [{ src: "visit", onDone: "done" }, { src: "ear" }],
          on: { LEAVE: "done", HEARD: {} },
        },
        done: { type: "final" },
      },
    }),
    {
      name: "visits",
      version: "1.0.0",
      tasks: {
        visit: {
          timeout: "1m",
          run: (_input, { actor, attempt }) =>
            new Promise<string>((resolve) => {
              begun.push(actor);
              attempts.set(actor, attempt);
              running.set(actor, () => {
                running.delete(actor);
                resolve("seen");
              });
            }),
        },
      },
    },
  );
  return { machine, running, begun, attempts };
}

test("two tasks at once: the third begins when one has ended, and its time counts from then on", async () => {
  const world = createEngineWorld();
  const { machine, running, begun } = visits();
  const engine = await world.engine({ machines: [machine], tasksAtOnce: 2 });
  await world.clock.advance(1_000);
  for (const id of ["a", "b", "c", "d"]) await engine.start(machine, { id });
  await world.clock.advance(50_000);
  expect(begun).toHaveLength(2);
  // Children that live in the process wait for no turn.
  for (const id of ["a", "b", "c", "d"]) {
    const events = (await engine.history(id)).map(({ event }) => event.type);
    expect(events).toContain("HEARD");
  }
  for (const end of [...running.values()]) end();
  await world.clock.advance(50_000);
  expect(begun).toHaveLength(4);
  expect(begun.slice(2).toSorted()).toEqual([...running.keys()].toSorted());
  for (const end of [...running.values()]) end();
  await world.clock.advance(1_000);
  for (const id of ["a", "b", "c", "d"])
    expect((await engine.get(machine, id)).status).toBe("done");
});

test("a task whose state is left while it waits never begins, and those behind it do", async () => {
  const world = createEngineWorld();
  const { machine, running, begun } = visits();
  const engine = await world.engine({ machines: [machine], tasksAtOnce: 1 });
  await world.clock.advance(1_000);
  for (const id of ["a", "b", "c"]) {
    await engine.start(machine, { id });
    await world.clock.advance(100);
  }
  expect(begun).toEqual(["a"]);
  await engine.send(machine, "b", { type: "LEAVE" });
  await world.clock.advance(1_000);
  running.get("a")?.();
  await world.clock.advance(1_000);
  expect(begun).toEqual(["a", "c"]);
  running.get("c")?.();
});

test.each([0, 1.5, Number.NaN])("%s tasks at once are refused", async (tasksAtOnce) => {
  const world = createEngineWorld();
  const { machine } = visits();
  await expect(world.engine({ machines: [machine], tasksAtOnce })).rejects.toMatchObject({
    code: "bad-argument",
    message: expect.stringContaining("tasksAtOnce"),
  });
});

test("a task that waits in one worker after another has not begun in any of them", async () => {
  const world = createEngineWorld();
  const { machine, running, begun, attempts } = visits();
  const ids = ["a", "b", "c"];
  for (let workers = 0; workers < 4; workers += 1) {
    const engine = await world.engine({ machines: [machine], tasksAtOnce: 1 });
    await world.clock.advance(1_000);
    if (workers === 0) for (const id of ids) await engine.start(machine, { id });
    await world.clock.advance(1_000);
    running.clear();
    await world.close(engine);
  }
  const waiting = ids.filter((id) => !begun.includes(id));
  expect(waiting.length).toBeGreaterThan(0);
  await world.engine({ machines: [machine] });
  await world.clock.advance(2_000);
  // An earlier worker might have begun it, and that counts once.
  for (const id of waiting) expect(attempts.get(id)).toBe(2);
});
