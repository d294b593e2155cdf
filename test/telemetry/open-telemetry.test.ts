// Aim: spans go to the application's provider and to nothing else, and without one nothing is made. Method: the SDK's exporter
// in memory.
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { BatchSpanProcessor, InMemorySpanExporter } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { LockstepError } from "../../src/errors.ts";
import { findTracing, traceOf } from "../../src/ports/tracing/open-telemetry.ts";
import { registered } from "./exported.ts";

test("without a provider there is no tracing", async () => {
  expect(await findTracing()).toBeNull();
  const { tracing } = await registered();
  expect(tracing).not.toBeNull();
  trace.disable();
  expect(await findTracing()).toBeNull();
});

test("a text makes the same place in each process, and another text another one", () => {
  expect(traceOf("lockstep_things/u000002")).toBe(traceOf("lockstep_things/u000002"));
  expect(traceOf("lockstep_things/u000002")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(traceOf("a")).not.toBe(traceOf("b"));
});

test("spans nest, join the trace of a text, and keep errors with their codes", async () => {
  const { tracing, spans } = await registered();
  const within = traceOf("fleet/u000002");
  const failing = tracing.inSpan("outer", { facts: { a: 1 }, within }, async (outer) => {
    await tracing.inSpan("inner", { facts: {}, within }, async (span) => span.set({ b: "x" }));
    const far = { facts: {}, under: traceOf("another") };
    await tracing.inSpan("far", far, async () => {});
    await tracing.inSpan("dropped", { facts: {} }, async (span) => span.drop());
    expect(outer.trace).toContain(within.slice(3, 35));
    throw new LockstepError("timeout", "too late");
  });
  await expect(failing).rejects.toMatchObject({ code: "timeout" });
  await tracing.inSpan("other", { facts: {} }, async () => {});
  await tracing.inSpan("odd", { facts: {}, under: "no traceparent" }, async () => {});
  tracing.past("past", { facts: {}, within, startMs: 5_000, endMs: 4_000, error: "no" });
  const [inner, far, outer, other, odd, past] = spans();
  expect(spans().map(({ name }) => name)).toEqual([
    "inner",
    "far",
    "outer",
    "other",
    "odd",
    "past",
  ]);
  const ids = (span: typeof outer) => span?.spanContext();
  expect(ids(outer)?.traceId).toBe(within.slice(3, 35));
  expect(outer?.parentSpanContext?.spanId).toBe(within.slice(36, 52));
  expect(inner?.parentSpanContext?.spanId).toBe(ids(outer)?.spanId);
  expect(far?.parentSpanContext?.spanId).toBe(traceOf("another").slice(36, 52));
  expect(outer?.status).toEqual({ code: SpanStatusCode.ERROR, message: "too late" });
  expect(outer?.attributes).toEqual({ a: 1, "error.type": "timeout" });
  expect(outer?.events.map(({ name }) => name)).toEqual(["exception"]);
  expect(inner?.attributes).toEqual({ b: "x" });
  for (const root of [other, odd]) {
    expect(root?.parentSpanContext).toBeUndefined();
    expect(ids(root)?.traceId).not.toBe(ids(outer)?.traceId);
  }
  expect([past?.startTime, past?.endTime]).toEqual([
    [5, 0],
    [5, 0],
  ]);
  expect(past?.status.code).toBe(SpanStatusCode.ERROR);
});

test("work that its process ends has not failed", async () => {
  const { tracing, spans } = await registered();
  const ended = tracing.inSpan("ended", { facts: {} }, async () => {
    throw new LockstepError("aborted", "this process is stopping");
  });
  await expect(ended).rejects.toMatchObject({ code: "aborted" });
  expect(spans()[0]?.status).toEqual({ code: SpanStatusCode.UNSET });
  expect(spans()[0]?.events).toEqual([]);
});

test("a provider is asked for the spans that it still holds, and its failure fails nothing", async () => {
  const exporter = new InMemorySpanExporter();
  const { tracing } = await registered({ processor: new BatchSpanProcessor(exporter) });
  await tracing.inSpan("work", { facts: {} }, async () => {});
  expect(exporter.getFinishedSpans()).toEqual([]);
  await tracing.flush();
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["work"]);
  const forceFlush = () => Promise.reject(new Error("no collector"));
  const failing = { forceFlush, shutdown: async () => {}, onStart() {}, onEnd() {} };
  await (await registered({ processor: failing })).tracing.flush();
});

const broken = (): never => {
  throw new TypeError("attributes of another kind were expected");
};
const quiet = { forceFlush: async () => {}, shutdown: async () => {} };

test.each([
  ["sampler", { sampler: { shouldSample: broken, toString: () => "broken" } }],
  ["processor at the start", { processor: { ...quiet, onStart: broken, onEnd: () => {} } }],
  ["processor at the end", { processor: { ...quiet, onStart: () => {}, onEnd: broken } }],
])("a broken %s of the application does not reach the work that is followed", async (_, own) => {
  const { tracing } = await registered(own);
  const work = tracing.inSpan("work", { facts: {} }, async (span) => {
    span.set({ a: 1 });
    return "done";
  });
  expect(await work).toBe("done");
  const failing = tracing.inSpan("failing", { facts: {} }, async () => {
    throw new LockstepError("timeout", "too late");
  });
  await expect(failing).rejects.toMatchObject({ code: "timeout" });
  tracing.past("past", { facts: {}, startMs: 1, endMs: 2 });
  tracing.ended("ended", 5, { facts: {} });
});
