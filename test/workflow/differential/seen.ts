import { differenceOf, type ObservedActor } from "../../../src/workflow/testing/observation.ts";

/** What a generated chart has done so far, on either side. */
export interface Seen {
  readonly root: ObservedActor;
  readonly actions: readonly string[];
  readonly own: readonly string[];
  readonly emitted: readonly string[];
  readonly logged: readonly string[];
  /** What callbacks were sent. */
  readonly heard: readonly string[];
  /** The tasks that wait for their answer, and the callbacks that listen. */
  readonly tasks: readonly string[];
  readonly ears: readonly string[];
}

/** The data of an event of a script: values that JSON would lose. */
export function dataOf(kind: number): unknown {
  const all = [
    ...[kind, "text", null, undefined, -0, Number.NaN, 12n ** 20n, new Date(kind)],
    ...[new Map([[{ a: 1 }, new Set([1])]]), new Uint8Array([kind]), { "a.$b": [undefined] }],
    new RangeError("far"),
  ];
  return all[kind % all.length];
}

export function outputOf(who: string): unknown {
  return { who, at: new Date(who.length), none: undefined };
}

export function errorOf(who: string): Error {
  return new TypeError(`failed: ${who}`);
}

const lists = ["own", "logged", "heard", "tasks", "ears"] as const;

/** The first difference in words, or null. */
export function differenceOfSeen(live: Seen, durable: Seen): string | null {
  const found =
    differenceOf({ ...live, results: [] }, { ...durable, results: [] }) ??
    lists
      .map((name) => ({
        ...{ where: name, live: live[name].join("; "), durable: durable[name].join("; ") },
      }))
      .find((each) => each.live !== each.durable);
  return found ? `${found.where}: live ${found.live}, durable ${found.durable}` : null;
}
