import { useEffect, useState } from "preact/hooks";
import { live } from "./live.ts";

/** The latest answer to a question that is asked again and again. */
export interface Polled<Value> {
  /** The last answer, or null before the first. */
  readonly value: Value | null;
  /** Why there is no newer answer, or null. */
  readonly trouble: { readonly code: string; readonly message: string } | null;
}

interface Question {
  readonly path: string;
  readonly everyMs: number;
}

interface Answered extends Polled<unknown> {
  /** The question of the answer. */
  readonly of: string;
}

/** A pause is so many times as long as the answer before it took. */
const restParts = 20;

const nothing = { value: null, trouble: null };

/** Waits, and no longer than until the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Nobody reads a tab that is hidden. */
function shown(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => resolve(), { once: true, signal });
    signal.addEventListener("abort", () => resolve());
  });
}

/** The database's clock is in each answer. An answer may have waited, so the latest clock counts. */
function noteClock(value: unknown): void {
  const { now } = value as { readonly now?: number };
  if (now === undefined) return;
  const offsetMs = now - performance.now();
  live.set((state) => (offsetMs > state.offsetMs ? { ...state, offsetMs } : state));
}

async function asked(path: string, signal: AbortSignal): Promise<Partial<Polled<unknown>>> {
  try {
    const response = await fetch(path, { signal });
    const body: unknown = await response.json();
    if (!response.ok) return { trouble: body as NonNullable<Polled<unknown>["trouble"]> };
    noteClock(body);
    return { value: body, trouble: null };
  } catch {
    // The page says by itself that its server does not answer.
    return {};
  }
}

async function poll(
  { path, everyMs }: Question,
  signal: AbortSignal,
  onAnswer: (answer: Partial<Polled<unknown>>) => void,
): Promise<void> {
  while (!signal.aborted) {
    await shown(signal);
    const beganMs = performance.now();
    const answer = await asked(path, signal);
    if (signal.aborted) return;
    onAnswer(answer);
    // A question that takes long is asked less often.
    const tookMs = performance.now() - beganMs;
    await pause(Math.max(everyMs, restParts * tookMs), signal);
  }
}

/**
 * Asks the server again and again, as long as the component is there and the tab is seen.
 * @param of what is asked about. Another path about the same keeps the last answer until there is a new one.
 */
export function usePolled<Value>(path: string, everyMs: number, of: string = path): Polled<Value> {
  const [answered, setAnswered] = useState<Answered>({ ...nothing, of });
  useEffect(() => {
    const ended = new AbortController();
    void poll({ path, everyMs }, ended.signal, (answer) =>
      setAnswered((before) => ({ ...(before.of === of ? before : nothing), ...answer, of })),
    );
    return () => ended.abort();
  }, [path, everyMs, of]);
  return (answered.of === of ? answered : nothing) as Polled<Value>;
}
