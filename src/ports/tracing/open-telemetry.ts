import { createHash } from "node:crypto";
import type * as Api from "@opentelemetry/api";
import { isLockstepError } from "../../errors.ts";
import type { Span, SpanFacts, SpanOptions, Tracing } from "./tracing.ts";

const traceparent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** A place in a trace that every process makes of the same text. Pure. */
export function traceOf(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex");
  return `00-${digest.slice(0, 32)}-${digest.slice(32, 48)}-01`;
}

/**
 * The application's OpenTelemetry. Null where the package `@opentelemetry/api` is not installed, or where the
 * application has registered no provider of tracers: then nothing is made, and each place that could make a span is
 * one comparison.
 */
export async function findTracing(): Promise<Tracing | null> {
  const api = await import("@opentelemetry/api").catch(() => null);
  return api === null || !isRegistered(api) ? null : tracingOn(api);
}

/** Without a provider, the proxy has the same empty one as a new proxy. */
function isRegistered({ trace, ProxyTracerProvider }: typeof Api): boolean {
  const found = trace.getTracerProvider();
  if (!(found instanceof ProxyTracerProvider)) return true;
  return found.getDelegate() !== new ProxyTracerProvider().getDelegate();
}

/** The application's own sampler or processor may throw. No work that is traced may fail by that. */
function guardedBy(diag: typeof Api.diag) {
  return <Result>(act: () => Result): Result | undefined => {
    try {
      return act();
    } catch (error) {
      diag.error("a span of lockstep has failed", error);
      return undefined;
    }
  };
}

/** The provider of the SDK holds spans back, and sends many at once. The API does not know that. */
interface Flushable {
  forceFlush?(): Promise<void>;
}

function tracingOn(api: typeof Api): Tracing {
  const { trace, context, diag, ProxyTracerProvider, SpanStatusCode, INVALID_SPAN_CONTEXT } = api;
  const tracer = trace.getTracer("lockstep");
  const guarded = guardedBy(diag);
  const placeOf = ({ under, within }: SpanOptions) => {
    const place = under ?? within ?? "";
    const [, traceId = "", spanId = "", flags = ""] = traceparent.exec(place) ?? [];
    const around = trace.getSpanContext(context.active())?.traceId;
    if (traceId === "" || (under === undefined && traceId === around)) return context.active();
    const traceFlags = Number.parseInt(flags, 16);
    return trace.setSpanContext(context.active(), { traceId, spanId, traceFlags, isRemote: true });
  };
  const fail = (span: Api.Span, error: unknown) => {
    const known = error instanceof Error ? error : new Error(String(error));
    const { code } = known as { readonly code?: unknown };
    span.recordException(known);
    span.setStatus({ code: SpanStatusCode.ERROR, message: known.message });
    if (typeof code === "string") span.setAttribute("error.type", code);
  };
  const past: Tracing["past"] = (name, { startMs, endMs, error, ...options }) => {
    const attributes = { ...options.facts };
    // A small number would count from the start of this process.
    const startTime = new Date(startMs);
    guarded(() => {
      const span = tracer.startSpan(name, { attributes, startTime }, placeOf(options));
      if (error !== undefined) fail(span, error);
      span.end(new Date(Math.max(startMs, endMs)));
    });
  };
  const flush = async () => {
    const found = trace.getTracerProvider();
    const provider: Api.TracerProvider & Flushable =
      found instanceof ProxyTracerProvider ? found.getDelegate() : found;
    try {
      await provider.forceFlush?.();
    } catch (error) {
      diag.error("the spans of lockstep could not be sent", error);
    }
  };
  return {
    past,
    flush,
    ended(name, durationMs, options) {
      const nowMs = Date.now();
      past(name, { ...options, startMs: nowMs - durationMs, endMs: nowMs });
    },
    async inSpan(name, options, act) {
      const place = placeOf(options);
      const attributes = { ...options.facts };
      const span =
        guarded(() => tracer.startSpan(name, { attributes }, place)) ??
        trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
      const { traceId, spanId, traceFlags } = span.spanContext();
      const flags = traceFlags.toString(16).padStart(2, "0");
      // A span that is never ended is never exported.
      let isKept = true;
      const given: Span = {
        trace: span.isRecording() ? `00-${traceId}-${spanId}-${flags}` : undefined,
        set: (facts: SpanFacts) => void guarded(() => span.setAttributes({ ...facts })),
        fail: (error) => guarded(() => fail(span, error)),
        drop: () => {
          isKept = false;
        },
      };
      try {
        return await context.with(trace.setSpan(place, span), () => act(given));
      } catch (error) {
        // Its process or an operator has ended it, so it has not failed.
        if (!isLockstepError(error, "aborted")) given.fail(error);
        throw error;
      } finally {
        if (isKept) guarded(() => span.end());
      }
    },
  };
}
