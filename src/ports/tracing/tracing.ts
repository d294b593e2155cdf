/** Facts about a span, by the names of its attributes. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A span that is under way. */
export interface Span {
  /** Its place for spans of other processes, in the form of W3C's `traceparent`; undefined where it is not recorded. */
  readonly trace: string | undefined;
  set(facts: SpanFacts): void;
  /** Marks it as failed. */
  fail(error: unknown): void;
  /** Leaves it out: nothing has happened. */
  drop(): void;
}

export interface SpanOptions {
  readonly facts: SpanFacts;
  /** The span above it, as its `trace`. Default: the one around this call, or none. */
  readonly under?: string | undefined;
  /** The trace to which it belongs. The span around this call is above it only where that is of this trace. */
  readonly within?: string | undefined;
}

/** Spans for those who follow a request or an upgrade through processes. Null in its place: nobody does. */
export interface Tracing {
  /** Runs an act in a span. The spans that the act makes are below it. */
  inSpan<Result>(
    name: string,
    options: SpanOptions,
    act: (span: Span) => Promise<Result>,
  ): Promise<Result>;
  /** Notes a span that is over, with its times in milliseconds since 1970. */
  past(
    name: string,
    options: SpanOptions & {
      readonly startMs: number;
      readonly endMs: number;
      readonly error?: string;
    },
  ): void;
  /** Notes a span that ends now and has lasted so long. */
  ended(name: string, durationMs: number, options: SpanOptions): void;
  /** Has the application's provider send the spans that it still holds. It never throws. */
  flush(): Promise<void>;
}
