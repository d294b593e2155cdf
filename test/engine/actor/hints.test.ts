// Aim: an entry of another process is found, also where its hint was lost. Method: engines on one memory store in virtual
// time, whose watch can break; and resume tokens of a real server.
import { expect, onTestFinished, test } from "vitest";
import { setup } from "xstate";
import { HintHub } from "../../../src/engine/actor/hints/hint-hub.ts";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { secondsOfToken } from "../../../src/engine/journal/mongo/watch-journal.ts";
import type { EngineStore, WatchListener } from "../../../src/engine/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { createEngineWorld } from "../api/engines.ts";

const order = durable(
  setup({ types: {} as { events: { type: "NOTE" } } }).createMachine({
    initial: "open",
    states: { open: { on: { NOTE: {} }, after: { 600000: "late" } }, late: { type: "final" } },
  }),
  { name: "order", version: "1.0.0" },
);

/** A store of which the watch hears nothing until it is mended. */
function deafStore(inner: EngineStore): { store: EngineStore; mend: () => void } {
  let isDeaf = true;
  let listeners: WatchListener[] = [];
  const watch = (listener: WatchListener) => {
    listeners.push(listener);
    const own = inner.watch({
      ...listener,
      onAppended: (hint) => {
        if (!isDeaf || hint === null) listener.onAppended(hint);
      },
    });
    const hasPassed = (mark: string) => !isDeaf && own.hasPassed(mark);
    return { stop: () => own.stop(), hasPassed };
  };
  const mend = () => {
    isDeaf = false;
    for (const listener of listeners) listener.onAppended(null);
    listeners = [];
  };
  const store = new Proxy(inner, {
    get: (target, name: keyof EngineStore) =>
      name === "watch" ? watch : (target[name] as () => unknown).bind(target),
  });
  return { store, mend };
}

test("a worker whose watch was broken for long finds what others appended meanwhile", async () => {
  const world = createEngineWorld();
  const { store, mend } = deafStore(world.store);
  const worker = await startEngine(
    { machines: [order] },
    { store, clock: world.clock, random: systemRandom, log: silentLog, host: "h", pid: 1 },
  );
  onTestFinished(() => world.close(worker));
  const sender = await world.engine({ machines: [order], work: false });
  await world.clock.advance(10_000);
  const ids = Array.from({ length: 40 }, (_, index) => `o-${index}`);
  for (const id of ids) await sender.start(order, { id });
  // The worker's own entries keep its partitions busy, so that it saves their marks.
  for (let round = 0; round < 10; round += 1) {
    for (const id of ids.slice(0, 20)) await worker.send(order, id, { type: "NOTE" });
    await world.clock.advance(limits.refillEveryMs);
  }
  mend();
  await world.clock.advance(700_000);
  const states = await Promise.all(ids.map((id) => sender.get(order, id)));
  expect(states.map(({ value }) => value)).toEqual(ids.map(() => "late"));
});

test("a watch that breaks is said once, until it is open again", () => {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
  let listener: WatchListener | undefined;
  const hub = new HintHub({
    log: log as typeof silentLog,
    except: "x",
    store: {
      watch: (given) => {
        listener = given;
        return { stop: () => {}, hasPassed: () => true };
      },
    },
  });
  expect(hub.hasPassed("1")).toBe(false);
  hub.listen(() => {});
  expect(hub.hasPassed("1")).toBe(true);
  for (let tries = 0; tries < 3; tries += 1) listener?.onBroken?.(new Error("not authorized"));
  expect(warnings).toHaveLength(1);
  listener?.onAppended(null);
  listener?.onBroken?.(new Error("not authorized"));
  expect(warnings).toHaveLength(2);
});

test("a resume token tells the time of its place", async () => {
  expect(secondsOfToken({ _data: "8165A0" })).toBeNull();
  expect(secondsOfToken(undefined)).toBeNull();
  const client = await openClient();
  const collection = client.db(freshDatabaseName()).collection("c");
  const stream = collection.watch([], { maxAwaitTimeMS: 100 });
  onTestFinished(() => stream.close());
  const opened = new Promise((resolve) => stream.once("resumeTokenChanged", resolve));
  const next = stream.next();
  await opened;
  await collection.insertOne({});
  const change = await next;
  expect(change.clusterTime?.getHighBitsUnsigned()).toBe(secondsOfToken(change._id));
});
