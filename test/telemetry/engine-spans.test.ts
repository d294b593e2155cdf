// Aim: one trace leads from a caller's span through its transition to the task that follows, in whichever process it runs, and
// on to the result. Method: engines on one store in memory, with the SDK's exporter in memory.
import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { expect, onTestFinished, test } from "vitest";
import { assign, fromPromise, setup } from "xstate";
import { startEngine } from "../../src/engine/create-engine.ts";
import { durable } from "../../src/engine/definition/durable.ts";
import { createMemoryEngineStore } from "../../src/engine/journal/memory-store.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { systemRandom } from "../../src/ports/random.ts";
import type { Tracing } from "../../src/ports/tracing/tracing.ts";
import { until } from "../support/until.ts";
import { registered } from "./exported.ts";

const machine = setup({
  types: { context: {} as { receipt: string }, events: {} as { type: "PAY" } | { type: "ODD" } },
  actors: { charge: fromPromise<string>(async () => "") },
  actions: { mail: () => {} },
  guards: {
    breaks: () => {
      throw new Error("no such guard");
    },
  },
}).createMachine({
  context: { receipt: "" },
  initial: "open",
  states: {
    open: { on: { PAY: "paying", ODD: { guard: "breaks", target: "paying" } } },
    paying: {
      invoke: {
        src: "charge",
        onDone: { target: "paid", actions: assign({ receipt: ({ event }) => event.output }) },
      },
    },
    paid: { entry: "mail", type: "final" },
  },
});

let failures = 0;
const order = durable(machine, {
  ...{ name: "order", version: "1.0.0" },
  tasks: {
    charge: {
      retry: { attempts: 3, backoff: "1ms..1ms" },
      async run() {
        await trace
          .getTracer("application")
          .startActiveSpan("call the bank", async (span) => span.end());
        if (failures > 0) {
          failures -= 1;
          throw new Error("the bank is closed");
        }
        return "r1";
      },
    },
  },
  actions: { mail: async () => {} },
});

/** A process that works, and one that only sends, on one store. */
async function engines(tracing: Tracing | null) {
  const store = createMemoryEngineStore({ nowMs: () => Date.now() });
  const ports = { store, clock: systemClock, random: systemRandom, log: silentLog, tracing };
  const start = (work: boolean, pid: number) =>
    startEngine({ machines: [order], work }, { ...ports, host: "h", pid });
  const [worker, sender] = [await start(true, 1), await start(false, 2)];
  onTestFinished(async () => {
    await sender.close();
    await worker.close();
  });
  return { store, sender };
}

const named = (spans: readonly ReadableSpan[], name: string) =>
  spans.filter((span) => span.name === name);
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;

test("from the caller's span to the task of another process, its attempts, and its result", async () => {
  const { tracing, spans } = await registered();
  const { sender } = await engines(tracing);
  failures = 1;
  await sender.start(order, { id: "o-1" });
  await trace.getTracer("application").startActiveSpan("request", async (span) => {
    await sender.send(order, "o-1", { type: "PAY" });
    span.end();
  });
  await until("the end", () => named(spans(), "lockstep.action mail").length === 1);
  const [request] = named(spans(), "request");
  const [sent] = named(spans(), "lockstep.transition").filter(
    ({ attributes }) => attributes["lockstep.event"] === "PAY",
  );
  expect(parentOf(sent)).toBe(idOf(request));
  expect(sent?.attributes).toMatchObject({
    ...{ "lockstep.actor": "o-1", "lockstep.machine": "order", "lockstep.version": "1.0.0" },
    ...{ "lockstep.kind": "caller", "lockstep.outcome": "applied", "lockstep.state": "paying" },
  });
  const attempts = named(spans(), "lockstep.task charge");
  expect(attempts.map(({ attributes }) => attributes["lockstep.attempt"])).toEqual([1, 2]);
  expect(attempts.map(parentOf)).toEqual([idOf(sent), idOf(sent)]);
  expect(attempts[0]?.status).toEqual({
    ...{ code: SpanStatusCode.ERROR, message: "the bank is closed" },
  });
  expect(attempts[1]?.status.code).toBe(SpanStatusCode.UNSET);
  expect(named(spans(), "call the bank").map(parentOf)).toEqual(attempts.map(idOf));
  const [result] = named(spans(), "lockstep.transition").filter(({ attributes }) =>
    String(attributes["lockstep.event"]).startsWith("xstate.done.actor"),
  );
  expect(parentOf(result)).toBe(idOf(sent));
  expect(parentOf(named(spans(), "lockstep.action mail")[0])).toBe(idOf(result));
  const traces = new Set(
    [request, sent, ...attempts, result].map((span) => span?.spanContext().traceId),
  );
  expect(traces.size).toBe(1);
  // The start was another request.
  const [started] = named(spans(), "lockstep.start");
  expect(started?.attributes).toEqual({ "lockstep.machine": "order", "lockstep.actor": "o-1" });
  expect(parentOf(started)).toBeUndefined();
  expect(traces).not.toContain(started?.spanContext().traceId);
});

test("an event that is rejected has its reason, and one that comes again says so", async () => {
  const { tracing, spans } = await registered();
  const { sender } = await engines(tracing);
  await sender.start(order, { id: "o-2" });
  await sender.send(order, "o-2", { type: "ODD" }, { key: "k" });
  await sender.send(order, "o-2", { type: "ODD" }, { key: "k" });
  await expect(sender.send(order, "o-3", { type: "PAY" })).rejects.toThrow();
  const [rejected, again, unknown] = named(spans(), "lockstep.transition");
  expect(rejected?.status).toMatchObject({ code: SpanStatusCode.ERROR });
  expect(rejected?.status.message).toContain("no such guard");
  expect(again?.attributes["lockstep.outcome"]).toBe("duplicate");
  expect(unknown?.attributes["error.type"]).toBe("unknown-actor");
});

test("without tracing no span is made, and the journal has no field of it", async () => {
  const { spans } = await registered();
  const { sender, store } = await engines(null);
  failures = 0;
  await sender.start(order, { id: "o-4" });
  await sender.send(order, "o-4", { type: "PAY" });
  await until("the end", async () => (await store.tail("o-4"))?.status === "done");
  expect(spans().filter(({ name }) => name.startsWith("lockstep"))).toEqual([]);
  for (const { work } of await store.entries("o-4", 0, 10)) {
    for (const record of work) expect(Object.keys(record)).not.toContain("trace");
  }
});
