import { describe, expect, onTestFinished, test } from "vitest";
import { type EnginePorts, startEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import type { EngineStore } from "../../../src/engine/journal/store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { systemRandom } from "../../../src/ports/random.ts";

import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { orderMachine } from "./order-machine.ts";

/** A store that its engines share: closing one of them leaves it open. */
function unclosed(store: EngineStore): EngineStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === "close") return async () => {};
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function onMemory(): Promise<() => EnginePorts> {
  const store = createMemoryEngineStore({ nowMs: () => Date.now() });
  return () => ({
    store: unclosed(store),
    ...{ clock: systemClock, random: systemRandom, log: silentLog, host: "here", pid: 1 },
  });
}

async function onMongo(): Promise<() => EnginePorts> {
  const client = await openClient();
  const databaseName = freshDatabaseName();
  return () => ({
    store: createMongoEngineStore({
      ...{ client, databaseName, clock: systemClock, faultPoints: noFaults, log: silentLog },
    }),
    ...{ clock: systemClock, random: systemRandom, log: silentLog, host: "here", pid: 1 },
  });
}

describe.each([
  ["memory", onMemory],
  ["MongoDB", onMongo],
] as const)("an engine on %s", (_name, open) => {
  test("an order from its start to its end", async () => {
    const mails: string[] = [];
    let attempts = 0;
    const order = durable(orderMachine, {
      name: "order",
      version: "1.0.0",
      tasks: {
        charge: {
          run: async ({ id }, { attempt }) => {
            attempts += 1;
            if (attempt < 3) throw new Error("not yet");
            return `receipt of ${id}`;
          },
          retry: { attempts: 5, backoff: "1ms" },
        },
      },
      actions: {
        sendMail: async ({ to }) => {
          mails.push(to);
        },
      },
    });
    const ports = await open();
    // On a busy machine a worker loses a shorter lease, and an attempt that is cut off counts as one.
    const engine = await startEngine({ machines: [order], leaseTtlMs: 60_000 }, ports());
    const sender = await startEngine({ machines: [order], work: false }, ports());
    onTestFinished(() => engine.close());
    onTestFinished(() => sender.close());
    const id = await sender.start(order, { id: "o-1", input: { id: "o-1" } });
    await sender.start(order, { id: "o-1", input: { id: "o-1" } });
    await expect(sender.start(order, { id: "o-1", input: { id: "x" } })).rejects.toMatchObject({
      code: "duplicate-start",
    });
    expect(await sender.send(order, id, { type: "PAID" }, { key: "k" })).toMatchObject({
      outcome: "applied",
      state: "charging",
    });
    expect(await sender.send(order, id, { type: "PAID" }, { key: "k" })).toMatchObject({
      outcome: "duplicate",
    });
    const settled = await sender.waitFor(order, id, (snapshot) => snapshot.matches("settled"), {
      timeoutMs: 20_000,
    });
    expect(settled.context.receipt).toBe("receipt of o-1");
    expect(attempts).toBe(3);
    // The action begins once its transition is durable, and nobody who waits for the state waits for it.
    await until("the mail", () => mails.length > 0);
    expect(mails).toEqual(["o-1"]);
    const history = await engine.history(id);
    const moves = history.filter(({ event }) => event.type !== "lockstep.carried-out");
    expect(moves.map(({ state }) => state)).toEqual(["open", "charging", "paid", "settled"]);
    expect((await engine.why(id)).status).toBe("done");
  });
});
