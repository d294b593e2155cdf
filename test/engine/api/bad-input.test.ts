// Aim: each row of docs/engine-bad-input.md is true. Method: the engine on the memory store, most of it in virtual time.
// Here are the rows on declarations, calls and values; bad-input-options.test.ts and bad-input-work.test.ts have the others.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type AnyStateMachine, assign, setup } from "xstate";
import { partitionOf } from "../../../src/engine/actor/partition.ts";
import { type EnginePorts, startEngine } from "../../../src/engine/create-engine.ts";
import { type DurableMachine, durable } from "../../../src/engine/definition/durable.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { actorOf, asking, doing, hostOf, names, pass, plain } from "./failing-actors.ts";

const portsOn = (store: EnginePorts["store"]) => ({
  ...{ store, clock: systemClock, random: systemRandom, log: silentLog, host: "here", pid: 1 },
});

/** A test of one row of the table. */
const row = test;

test("each row of the table has a test, and each test a row", async () => {
  const page = await readFile("docs/engine-bad-input.md", "utf8");
  const rows = [...page.matchAll(/^\| (?!input|-)(.*?) \|/gm)].map(([, first]) => first);
  const files = [
    "api/bad-input",
    "api/bad-input-options",
    "api/bad-input-work",
    "journal/deployment",
  ].map((name) => `test/engine/${name}.test.ts`);
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const tested = [...texts.join("\n").matchAll(/^ {2}row\("(.*?)",/gm)].map(([, name]) => name);
  expect(rows.toSorted()).toEqual(tested.toSorted());
});

describe("a declaration", () => {
  row("a `leaseTtlMs` below a second, or no whole number", async () => {
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    for (const leaseTtlMs of [0, 999, 1_000.5, Number.NaN]) {
      const start = startEngine(
        { machines: [durable(plain, names) as DurableMachine], leaseTtlMs },
        portsOn(store),
      );
      await expect(start).rejects.toMatchObject({ code: "bad-argument" });
    }
    expect(await store.partitions()).toEqual([]);
  });

  row("two machines of one name and version that differ", async () => {
    const other = doing({ target: "fine" });
    const same = durable(plain, names);
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    const start = startEngine({ machines: [same as DurableMachine, other] }, portsOn(store));
    await expect(start).rejects.toMatchObject({ code: "machine-differs" });
  });

  row("a machine that invokes a task which nothing implements", () => {
    const machine = setup({}).createMachine({ invoke: { src: "charge" } } as never);
    expect(() => durable(machine as unknown as AnyStateMachine, names)).toThrow(
      expect.objectContaining({
        code: "machine-not-supported",
        message: expect.stringContaining('invokes "charge", which nothing implements'),
      }),
    );
  });

  row("a task or an action that the machine does not have", () => {
    expect(() => durable(plain, { ...names, tasks: { charge: {} } as never })).toThrow(
      expect.objectContaining({ code: "machine-not-supported" }),
    );
    expect(() => durable(plain, { ...names, actions: { post: async () => {} } as never })).toThrow(
      expect.objectContaining({ code: "machine-not-supported" }),
    );
  });

  row("a version that is not semantic, or a name with a space", () => {
    for (const wrong of [{ version: "one" }, { name: "my order" }]) {
      expect(() => durable(plain, { ...names, ...wrong })).toThrow(
        expect.objectContaining({ code: "machine-not-supported" }),
      );
    }
  });

  row("a duration that is none, or no attempts", () => {
    for (const wrong of [
      { timeout: "soon" },
      { timeout: -1 },
      { heartbeat: Number.NaN },
      { retry: { attempts: 0 } },
      { retry: { backoff: "1m..1s" } },
    ]) {
      expect(() => asking({ run: async () => 0, ...wrong })).toThrow(
        expect.objectContaining({ code: "bad-argument" }),
      );
    }
  });
});

describe("a call", () => {
  row("an event that the machine does not know", async () => {
    const { send, last } = await actorOf(durable(plain, names));
    expect(await send({ type: "NOBODY" })).toMatchObject({ outcome: "ignored", state: "open" });
    expect(await last()).toMatchObject({ outcome: "ignored", revision: 1 });
  });

  row("an unknown actor", async () => {
    const machine = durable(plain, names);
    const host = hostOf(machine as DurableMachine);
    const unknown = { code: "unknown-actor" };
    const event = { type: "PUT", value: 1 } as const;
    const asked = [
      host.ask((engine) => engine.send(machine, "x", event)),
      host.ask((engine) => engine.get(machine, "x")),
      host.ask((engine) => engine.why("x")),
      host.ask((engine) => engine.history("x")),
      host.ask((engine) => engine.stop("x")),
      host.ask((engine) => engine.waitFor(machine, "x", () => true)),
    ];
    for (const answer of await Promise.allSettled(asked)) {
      expect(answer).toMatchObject({ status: "rejected", reason: unknown });
    }
  });

  row("a second start with another input, or of another machine", async () => {
    const machine = durable(plain, names);
    const other = durable(plain, { ...names, name: "other" });
    const host = hostOf(machine as DurableMachine, other as DurableMachine);
    const start = (each: DurableMachine<typeof plain>, input: unknown) =>
      host.ask((engine) => engine.start(each, { id: "a", input }));
    await start(machine, { n: 1 });
    expect(await start(machine, { n: 1 })).toBe("a");
    await expect(start(machine, { n: 2 })).rejects.toMatchObject({ code: "duplicate-start" });
    await expect(start(other, { n: 1 })).rejects.toMatchObject({ code: "duplicate-start" });
  });

  row("a machine that the engine was not given", async () => {
    const host = hostOf(durable(plain, names) as DurableMachine);
    const other = durable(plain, { ...names, name: "other" });
    await expect(
      host.ask((engine) => engine.start(other, { id: "a", input: 1 })),
    ).rejects.toMatchObject({ code: "machine-unknown" });
  });

  row("an actor of another machine than the one that is named", async () => {
    const machine = durable(plain, names);
    const other = durable(plain, { ...names, name: "other" });
    const host = hostOf(machine as DurableMachine, other as DurableMachine);
    await host.ask((engine) => engine.start(machine, { id: "a", input: 1 }));
    const event = { type: "PUT", value: 1 } as const;
    await expect(host.ask((engine) => engine.send(other, "a", event))).rejects.toMatchObject({
      code: "bad-argument",
    });
    await expect(host.ask((engine) => engine.get(other, "a"))).rejects.toMatchObject({
      code: "bad-argument",
    });
  });

  row("an id, a key or an event's type that is empty, too long or reserved", async () => {
    const machine = durable(plain, names);
    const { host, send } = await actorOf(machine);
    const wrong = { code: "bad-argument" };
    for (const id of ["", "x".repeat(501), "a\nb", 7, { length: 1 }, null] as never[]) {
      await expect(
        host.ask((engine) => engine.start(machine, { id, input: 1 })),
      ).rejects.toMatchObject(wrong);
    }
    await expect(send({ type: "PUT" }, "")).rejects.toMatchObject(wrong);
    await expect(send({ type: "PUT" }, "k".repeat(10_000))).rejects.toMatchObject(wrong);
    await expect(send({ type: "PUT" }, { length: 1 } as never)).rejects.toMatchObject(wrong);
    for (const type of [
      "",
      "x".repeat(257),
      "xstate.done.actor.x",
      "lockstep.stopped",
      7,
      Symbol("t"),
    ]) {
      await expect(send({ type } as never)).rejects.toMatchObject(wrong);
    }
    for (const event of [{}, null, undefined]) {
      await expect(send(event as never)).rejects.toMatchObject(wrong);
    }
  });

  row("a start with an id and a key", async () => {
    const machine = durable(plain, names);
    const host = hostOf(machine as DurableMachine);
    await expect(
      host.ask((engine) => engine.start(machine, { id: "a", key: "k", input: 1 })),
    ).rejects.toMatchObject({ code: "bad-argument" });
    const start = () => host.ask((engine) => engine.start(machine, { key: "k", input: 1 }));
    expect(await start()).toBe(await start());
  });

  row("a `session` in which no transaction has begun", async () => {
    const machine = durable(plain, names);
    const { host } = await actorOf(machine);
    const session = await host.store.transact(async (open) => open as never);
    for (const call of [
      host.ask((engine) => engine.start(machine, { id: "b", input: 1, session })),
      host.ask((engine) => engine.send(machine, "a", { type: "PUT", value: 1 }, { session })),
    ]) {
      await expect(call).rejects.toMatchObject({ code: "bad-argument" });
    }
    expect(await host.store.tail("b")).toBeUndefined();
    expect((await host.store.tail("a"))?.revision).toBe(0);
  });

  row("a list by a state or a tag without its machine", async () => {
    const { host } = await actorOf(doing({ target: "fine" }));
    for (const query of [{ state: "open" }, { tag: "t" }]) {
      await expect(host.ask((engine) => engine.list(query as never))).rejects.toMatchObject({
        code: "bad-argument",
      });
    }
    expect((await host.ask((engine) => engine.list({ status: "active" }))).actors).toEqual([]);
  });

  row("a list by what is no text, by an unknown status or by an invalid time", async () => {
    const { host } = await actorOf(doing({ target: "fine" }));
    const operator = { $ne: "" };
    for (const query of [
      ...["state", "tag", "after", "status"].map((name) => ({ machine: "m", [name]: operator })),
      ...[{ machine: operator }, { status: "running" }],
      ...[new Date("soon"), "2026-01-31"].map((waitingSince) => ({ waitingSince })),
    ]) {
      await expect(
        host.ask((engine) => engine.list(query as never)),
        JSON.stringify(query),
      ).rejects.toMatchObject({ code: "bad-argument" });
    }
  });

  row("an event for an actor that has ended", async () => {
    const machine = doing({ target: "fine" });
    const { host, send } = await actorOf(machine);
    await send({ type: "DO" });
    await host.ask((engine) => engine.stop("a"));
    expect(await send({ type: "DO" })).toMatchObject({ outcome: "ignored", status: "stopped" });
    await expect(
      host.ask((engine) => engine.waitFor(machine, "a", () => false)),
    ).rejects.toMatchObject({ code: "wrong-state" });
  });

  row("a `limit` below 1, or a `from` or an `after` that is no revision", async () => {
    const machine = durable(plain, names);
    const { host } = await actorOf(machine);
    const first = (after: number) =>
      host.ask((engine) => engine.watch(machine, "a", { after })[Symbol.asyncIterator]().next());
    const wrong = [1.5, Number.NaN, Number.POSITIVE_INFINITY, "7" as never];
    const calls = [
      ...[0, -1, ...wrong].flatMap((limit) => [
        host.ask((engine) => engine.list({ limit })),
        host.ask((engine) => engine.history("a", { limit })),
      ]),
      ...[-1, ...wrong].map((from) => host.ask((engine) => engine.history("a", { from }))),
      ...[-2, ...wrong].map(first),
    ];
    for (const answer of await Promise.allSettled(calls)) {
      expect(answer).toMatchObject({ status: "rejected", reason: { code: "bad-argument" } });
    }
    expect(await first(-1)).toMatchObject({ value: { revision: 0 } });
  });

  row("a `watch` after a revision whose successors `retain.history` has deleted", async () => {
    const machine = durable(plain, names);
    const { host, send } = await actorOf(machine);
    for (let sent = 0; sent < 4; sent += 1) await send({ type: "PUT" });
    await host.store.expireHistory(partitionOf("m", "a"), null, host.clock.nowMs() + 1, 10);
    const revisions = async (options: { after?: number }) => {
      const stop = new AbortController();
      const seen: number[] = [];
      const all = { ...options, signal: stop.signal };
      for await (const { revision } of await host.ask(async (engine) =>
        engine.watch(machine, "a", all),
      )) {
        seen.push(revision);
        if (revision === 4) stop.abort();
      }
      return seen;
    };
    await expect(revisions({ after: 0 })).rejects.toMatchObject({
      ...{ code: "history-expired", details: { expected: 1, kept: 4 } },
    });
    expect(await revisions({ after: 3 })).toEqual([4]);
    expect(await revisions({})).toEqual([0, 4]);
  });

  row("a call after `close`", async () => {
    const machine = durable(plain, names) as DurableMachine;
    const store = createMemoryEngineStore({ nowMs: () => Date.now() });
    const engine = await startEngine({ machines: [machine] }, portsOn(store));
    await engine.start(machine, { id: "a", input: 1 });
    const watch = () => engine.watch(machine, "a", { after: 0 })[Symbol.asyncIterator]().next();
    const underWay = [watch(), engine.waitFor(machine, "a", () => false)];
    await engine.why("a");
    await engine.close();
    await engine.close();
    const calls = [
      ...underWay,
      engine.start(machine, { id: "b", input: 1 }),
      engine.send(machine, "a", { type: "PUT" }),
      engine.get(machine, "a"),
      engine.waitFor(machine, "a", () => true),
      watch(),
      engine.list(),
      engine.history("a"),
      engine.why("a"),
      engine.check(machine),
      engine.stop("a"),
    ];
    for (const answer of await Promise.allSettled(calls)) {
      expect(answer).toMatchObject({ status: "rejected", reason: { code: "aborted" } });
    }
  });
});

describe("a value", () => {
  class Money {
    readonly cents = 3;
  }

  row("a value that cannot be kept, in an event or an input", async () => {
    const machine = durable(plain, names);
    const { host, send, last } = await actorOf(machine);
    for (const value of [() => 1, new Money(), Symbol("s"), new WeakMap(), Promise.resolve()]) {
      const refusedAt = (path: string) => ({
        ...{ code: "value-not-kept", message: expect.stringContaining(` at ${path}, `) },
      });
      await expect(send({ type: "PUT", value } as never)).rejects.toMatchObject(
        refusedAt("event.value"),
      );
      await expect(
        host.ask((engine) => engine.start(machine, { id: "b", input: { value } })),
      ).rejects.toMatchObject(refusedAt("start.input.value"));
    }
    expect(await last()).toMatchObject({ revision: 0 });
  });

  row("a context that cannot be kept, by an event", async () => {
    const { send, get, last } = await actorOf(
      doing({ target: "fine", actions: assign({ value: () => new Money() }) }),
    );
    expect(await send({ type: "DO" })).toMatchObject({
      ...{ outcome: "rejected", state: "open", status: "active" },
      reason: { code: "value-not-kept", message: expect.stringContaining("context.value") },
    });
    expect(await last()).toMatchObject({ outcome: "rejected", event: { type: "DO" } });
    expect(await get()).toMatchObject({ value: "open", context: { value: 0 } });
    expect(await send({ type: "FINE" })).toMatchObject({ outcome: "applied", state: "fine" });
  });

  row("a context that cannot be kept, by a timer, a result or a child's event", async () => {
    const { host, get, send } = await actorOf(
      doing({ target: "fine", actions: assign({ value: () => new Money() }) }),
    );
    await pass(host, 1_500);
    expect(await get()).toMatchObject({
      ...{ status: "error", value: "open", context: { value: 0 } },
      error: { message: expect.stringContaining("context.value") },
    });
    expect(await send({ type: "FINE" })).toMatchObject({ outcome: "ignored", status: "error" });
  });

  const large = "x".repeat(16 * 1024 * 1024);

  row("an event or an input over 15 MiB", async () => {
    const machine = durable(plain, names);
    const { host, send, last } = await actorOf(machine);
    const refused = { code: "value-not-kept", message: expect.stringContaining("15728640 bytes") };
    await expect(send({ type: "PUT", value: large } as never)).rejects.toMatchObject(refused);
    await expect(
      host.ask((engine) => engine.start(machine, { id: "b", input: large })),
    ).rejects.toMatchObject(refused);
    expect(await last()).toMatchObject({ revision: 0 });
  });

  row("a context or an actor over 15 MiB", async () => {
    const { send, get } = await actorOf(doing({ actions: assign({ value: () => large }) }));
    expect(await send({ type: "DO" })).toMatchObject({
      ...{ outcome: "rejected", reason: { code: "value-not-kept" } },
    });
    const parts = assign(({ context }) => ({
      [`part${Object.keys(context).length}`]: large.slice(0, 6 * 1024 * 1024),
    }));
    const grown = await actorOf(doing({ actions: parts }));
    expect(await grown.send({ type: "DO" })).toMatchObject({ outcome: "applied" });
    expect(await grown.send({ type: "DO" })).toMatchObject({ outcome: "applied" });
    expect(await grown.send({ type: "DO" })).toMatchObject({
      ...{ outcome: "rejected", status: "active" },
      reason: { message: expect.stringContaining("15728640") },
    });
    expect((await get()).context).toEqual({ value: 0 });
  });
});
