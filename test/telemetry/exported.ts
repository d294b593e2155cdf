import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { onTestFinished } from "vitest";
import { findTracing } from "../../src/ports/tracing/open-telemetry.ts";
import type { Tracing } from "../../src/ports/tracing/tracing.ts";

/**
 * Registers a provider as an application does, for the rest of a test. It gives the spans that have ended.
 * @param own the application's own parts of the provider
 */
export async function registered(
  own: { readonly processor?: SpanProcessor; readonly sampler?: Sampler } = {},
): Promise<{
  readonly tracing: Tracing;
  spans(): readonly ReadableSpan[];
}> {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter), ...(own.processor ? [own.processor] : [])],
    ...(own.sampler ? { sampler: own.sampler } : {}),
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(async () => {
    trace.disable();
    context.disable();
    await provider.shutdown();
  });
  const tracing = await findTracing();
  if (tracing === null) throw new Error("expected a provider");
  return { tracing, spans: () => exporter.getFinishedSpans() };
}
