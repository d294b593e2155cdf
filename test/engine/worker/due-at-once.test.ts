// Aim: after an outage, when thousands of actors are due, a worker has few of them on their way at once, and all of them get
// through. Method: an engine on a memory store in virtual time, whose timers' entries wait until the test lets them through.
import { expect, onTestFinished, test } from "vitest";
import { assign, setup } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { createEngineWorld } from "../api/engines.ts";

const actorsCount = 2_000;

test("thousands of actors that are due at the same moment", async () => {
  const world = createEngineWorld();
  let fired = 0;
  const machine = durable(
    setup({
      actions: {
        fire: assign(() => {
          fired += 1;
          return {};
        }),
      },
    }).createMachine({
      context: {},
      initial: "waiting",
      states: {
        waiting: { after: { 60000: { target: "over", actions: "fire" } } },
        over: { type: "final" },
      },
    }),
    { name: "alarm", version: "1.0.0" },
  );
  const client = await world.engine({ machines: [machine], work: false });
  await Promise.all(
    Array.from({ length: actorsCount }, (_, index) => client.start(machine, { id: `a${index}` })),
  );
  await world.clock.advance(120_000);

  let letThrough = () => {};
  const gate = new Promise<void>((resolve) => {
    letThrough = resolve;
  });
  const append = world.store.append.bind(world.store);
  world.store.append = async (...given) => {
    await gate;
    return append(...given);
  };
  await world.engine({ machines: [machine] });
  // A process does not end before its entries are on their way.
  onTestFinished(letThrough);
  await world.clock.advance(10_000);
  expect(fired).toBeGreaterThan(0);
  expect(fired).toBeLessThanOrEqual(32 * 32);
  letThrough();
  await world.clock.advance(30_000);
  expect(fired).toBe(actorsCount);
});
