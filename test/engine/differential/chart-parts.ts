// biome-ignore-all lint/suspicious/noExplicitAny: a generated chart has no types of its own.
import { type AnyActorLogic, fromTransition } from "xstate";
import { eventNames } from "./chart-spec.ts";

export const delaysMs = [0, 1, 2, 3, 5, 10, 10, 20, 3_000_000_000] as const;
export const idNames = ["a", "b.c", "__proto__x"] as const;

/** The world that the own actions of a chart change. */
export interface ChartWorld {
  /** Called by the chart's own action functions. */
  did(what: string, context: unknown): void;
  /** Called by the durable action where XState runs it. */
  mail?(params: unknown): void;
}

/** The logic of a chart that lives outside the machine. */
export interface OutsideLogic {
  readonly task: AnyActorLogic;
  readonly ears: AnyActorLogic;
}

/** Values whose type plain JSON would lose. */
export const values: readonly ((n: number) => unknown)[] = [
  (n) => new Date(n * 1000),
  (n) => new Map<unknown, unknown>([[n, new Set([n, "x"])]]),
  (n) => BigInt(n),
  () => undefined,
  () => -0,
  () => Number.NaN,
  (n) => new TypeError(`wrong ${n}`),
  (n) => new Uint8Array([n, 1, 2]),
  (n) => ({ "a.b": n, $set: n, "": n }),
  () => Number.POSITIVE_INFINITY,
  (n) => [n, null, { deep: [undefined, n] }],
  () => JSON.parse('{"__proto__": 1, "constructor": 2}'),
];

/** The transitions of a state that keeps an event from the states above. */
export function forbidden(event: number | null): object {
  return event === null ? {} : { [eventNames[event] as string]: undefined };
}

/** One of the children that an actor had at the last step. */
export function childOf(self: any, which: number): any {
  const all = Object.values(snapshotOf(self)?.children ?? {});
  return all[which % Math.max(1, all.length)];
}

/** Nothing while an actor is made: XState's development build throws there. */
function snapshotOf(self: any): any {
  try {
    return self.getSnapshot();
  } catch {
    return undefined;
  }
}

export function messageOf(error: unknown): unknown {
  return error instanceof Error ? error.message : error;
}

/** Pure logic that counts. */
export const counter = fromTransition(
  (state: { readonly n: number; readonly last: unknown }, event: any) => ({
    n: state.n + 1,
    last: event.data,
  }),
  ({ input }: any) => ({ n: input?.n ?? 0, last: undefined }),
);
