// Aim: the rows of docs/engine-bad-input.md on options and their kinds are true. Method: the engine on the memory store, with
// what a caller without types may give.
import { describe, expect, test } from "vitest";
import { fromPromise, setup } from "xstate";
import { type EnginePorts, startEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { actorOf, hostOf, names, plain } from "./failing-actors.ts";

const portsOn = (store: EnginePorts["store"]) => ({
  ...{ store, clock: systemClock, random: systemRandom, log: silentLog, host: "here", pid: 1 },
});

/** A test of one row of the table. */
const row = test;

describe("an option", () => {
  row("a `log` that lacks a method, as `console` does", async () => {
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    const ports = { ...portsOn(store), log: console as unknown as typeof silentLog };
    await expect(startEngine({ machines: [] }, ports)).rejects.toMatchObject({
      ...{ code: "bad-argument", details: { missing: ["child"] } },
    });
    expect(await store.partitions()).toEqual([]);
  });

  row("an option that `createEngine` does not know, or one of another kind", async () => {
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    const start = (options: object) =>
      startEngine({ machines: [], ...options } as never, portsOn(store));
    const wrong = [
      [{ worker: false }, 'found "worker"'],
      [{ work: "false" }, 'work: expected true or false, found "false"'],
      [{ retain: { histroy: "30d" } }, 'found "histroy"'],
      [{ machines: undefined }, "machines: expected a list, found null"],
    ] as const;
    for (const [options, words] of wrong) {
      await expect(start(options)).rejects.toMatchObject({
        ...{ code: "bad-argument", message: expect.stringContaining(words) },
      });
    }
    expect(await store.partitions()).toEqual([]);
  });

  row("a machine of XState in place of what `durable` returns", async () => {
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    const start = startEngine({ machines: [plain as never] }, portsOn(store));
    await expect(start).rejects.toMatchObject({
      code: "bad-argument",
      message: expect.stringContaining("machines[0]: expected a machine made by `durable`"),
    });
    const call = hostOf().ask((engine) => engine.start(plain as never));
    await expect(call).rejects.toMatchObject({
      code: "machine-unknown",
      message: expect.stringContaining("give what `durable` has returned"),
    });
  });

  row("an option that `durable` does not know, or a task that is a function", () => {
    const asking = setup({
      actors: { charge: fromPromise(async () => 1) },
    }).createMachine({ invoke: { src: "charge" } });
    const made = (options: object) => () => durable(asking, { ...names, ...options } as never);
    const refused = (words: string) =>
      expect.objectContaining({
        ...{ code: "bad-argument", message: expect.stringContaining(words) },
      });
    expect(made({ retries: 3 })).toThrow(refused("durable: expected options of the names"));
    const task = (charge: unknown) => made({ tasks: { charge } });
    expect(task({ timout: "5s" })).toThrow(refused("tasks.charge: expected options of"));
    expect(task({ retry: { attempt: 5 } })).toThrow(refused('found "attempt"'));
    expect(task(async () => 1)).toThrow(refused("found a function"));
    expect(task({ timeout: "5s" })).not.toThrow();
  });

  row("an option that a call does not know", async () => {
    const machine = durable(plain, names);
    const { host } = await actorOf(machine);
    const refused = async (words: string, call: (engine: Engine) => Promise<unknown>) =>
      expect(host.ask(call as never)).rejects.toMatchObject({
        ...{ code: "bad-argument", message: expect.stringContaining(words) },
      });
    const event = { type: "PUT", value: 1 } as const;
    const given = (options: unknown) => options as never;
    await refused('start: expected an object of options, found "b"', (engine) =>
      engine.start(machine, given("b")),
    );
    await refused('found "inptu"', (engine) => engine.start(machine, given({ inptu: 1 })));
    await refused('send: expected an object of options, found "k"', (engine) =>
      engine.send(machine, "a", event, given("k")),
    );
    await refused('found "idempotencyKey"', (engine) =>
      engine.send(machine, "a", event, given({ idempotencyKey: "k" })),
    );
    for (const condition of ["open", undefined]) {
      await refused("condition: expected a function", (engine) =>
        engine.waitFor(machine, "a", given(condition)),
      );
    }
    for (const timeoutMs of ["1s", -1, Number.NaN]) {
      await refused("timeoutMs: expected a number of milliseconds from 0", (engine) =>
        engine.waitFor(machine, "a", () => true, given({ timeoutMs })),
      );
    }
    await host.ask((engine) =>
      engine.waitFor(machine, "a", () => true, { timeoutMs: Number.POSITIVE_INFINITY }),
    );
    await refused('found "timeout"', (engine) =>
      engine.waitFor(machine, "a", () => false, given({ timeout: "1s" })),
    );
    await refused("list: expected options of the names machine, state", (engine) =>
      engine.list(given({ sate: "open" })),
    );
    for (const next of [[machine], undefined]) {
      await refused("check: next: expected a machine made by `durable`, found", (engine) =>
        engine.check(given(next)),
      );
    }
    await refused("check: expected options of the names signal", (engine) =>
      engine.check(machine, given({ limit: 1 })),
    );
    await refused("history: expected options of", (engine) =>
      engine.history("a", given({ to: 1 })),
    );
    await refused("watch: expected options of", async (engine) => {
      for await (const _ of engine.watch(machine, "a", given({ from: 1 }))) return;
    });
    expect((await host.ask((engine) => engine.history("a"))).length).toBe(1);
  });
});
