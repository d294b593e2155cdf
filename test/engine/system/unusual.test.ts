// Aim: what nobody plans for harms its own actor at most. Method: engines on one memory store in virtual time, and a
// database that is dropped on a real replica set.
import { expect, onTestFinished, test } from "vitest";
import { setup } from "xstate";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { silentLog } from "../../../src/log.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { createEngineWorld } from "../api/engines.ts";

const sleeper = durable(
  setup({
    types: {} as { context: { ms: number }; input: { ms: number }; events: { type: "NOTE" } },
    delays: { rest: ({ context }) => context.ms },
  }).createMachine({
    context: ({ input }) => ({ ms: input.ms }),
    initial: "asleep",
    states: { asleep: { after: { rest: "awake" }, on: { NOTE: {} } }, awake: { type: "final" } },
  }),
  { name: "sleeper", version: "1.0.0" },
);

test.each([Number.POSITIVE_INFINITY, 1e300])(
  "a delay of %s never ends, and holds up no other actor",
  async (ms) => {
    const world = createEngineWorld();
    const first = await world.engine({ machines: [sleeper] });
    const ids = Array.from({ length: 40 }, (_, index) => `s-${index}`);
    await first.start(sleeper, { id: "never", input: { ms } });
    for (const id of ids) await first.start(sleeper, { id, input: { ms: 60_000 } });
    await world.clock.advance(10_000);
    await world.close(first);
    const second = await world.engine({ machines: [sleeper] });
    await world.clock.advance(70_000);
    for (const id of ids) expect((await second.get(sleeper, id)).value).toBe("awake");
    expect((await second.get(sleeper, "never")).value).toBe("asleep");
    const [timer] = (await second.why("never")).timers;
    expect(timer?.at.getTime()).toBe(8.64e15);
    expect((await second.list()).actors).toHaveLength(ids.length + 1);
  },
);

test("an engine whose database was dropped goes on with new actors", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  const engine = await createEngine({ client, database, machines: [sleeper], log: silentLog });
  onTestFinished(() => engine.close());
  await engine.start(sleeper, { id: "before", input: { ms: 1 } });
  await engine.waitFor(sleeper, "before", ({ status }) => status === "done", {
    timeoutMs: 60_000,
  });
  await client.db(database).dropDatabase();
  await engine.start(sleeper, { id: "after", input: { ms: 1 } });
  await engine.waitFor(sleeper, "after", ({ status }) => status === "done", { timeoutMs: 60_000 });
  await engine.start(sleeper, { id: "last", input: { ms: 86_400_000 } });
  for (const outcome of ["ignored", "duplicate"]) {
    const sent = await engine.send(sleeper, "last", { type: "NOTE" }, { key: "k" });
    expect(sent.outcome).toBe(outcome);
  }
});
