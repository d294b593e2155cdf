import { differenceOf, type ObservedActor } from "../../../src/engine/testing/observation.ts";
import { eventNames, type StepSpec } from "./chart-spec.ts";

/** The deeds of a generated chart so far. */
interface Deeds {
  readonly actions: string[];
  readonly own: string[];
  readonly emitted: string[];
  readonly logged: string[];
  /** The events that callbacks were sent. */
  readonly heard: string[];
}

export function noDeeds(): Deeds {
  return { actions: [], own: [], emitted: [], logged: [], heard: [] };
}

/** The deeds as they are now. */
export function copyOf({ actions, own, emitted, logged, heard }: Deeds): Deeds {
  return {
    ...{ actions: [...actions], own: [...own], emitted: [...emitted] },
    ...{ logged: [...logged], heard: [...heard] },
  };
}

/** The deeds of a generated chart so far, on either side. */
export interface Seen extends Deeds {
  readonly root: ObservedActor;
  /** The tasks that wait for their answer, and the callbacks that listen. */
  readonly tasks: readonly string[];
  readonly ears: readonly string[];
}

/** The data of an event of a script: values that JSON would lose. */
function dataOf(kind: number): unknown {
  const all = [
    ...[kind, "text", null, undefined, -0, Number.NaN, 12n ** 20n, new Date(kind)],
    ...[new Map([[{ a: 1 }, new Set([1])]]), new Uint8Array([kind]), { "a.$b": [undefined] }],
    new RangeError("far"),
  ];
  return all[kind % all.length];
}

/** The event that a caller sends in a step. */
export function eventOf(
  step: Extract<StepSpec, { readonly do: "event" | "route" }>,
  serial: number,
): { readonly type: string } & Readonly<Record<string, unknown>> {
  return step.do === "route"
    ? { type: "xstate.route", to: `#s${step.state}`, serial }
    : { type: eventNames[step.event] as string, data: dataOf(step.data), serial };
}

export function outputOf(who: string): unknown {
  return { who, at: new Date(who.length), none: undefined };
}

export function errorOf(who: string): Error {
  return new TypeError(`failed: ${who}`);
}

const lists = ["own", "logged", "heard", "tasks", "ears"] as const;

/** True for a list that only the process of the transition fills: a crash just then loses it. */
function isOnce(name: (typeof lists)[number]): boolean {
  return name === "own" || name === "logged";
}

function isPartOf(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  return part.every((text) => {
    at = whole.indexOf(text, at) + 1;
    return at > 0;
  });
}

/**
 * The first difference in words, or null.
 * @param isCrashed a crash may have lost what the chart's own functions do, and a callback may have heard a message twice
 */
export function differenceOfSeen(live: Seen, durable: Seen, isCrashed = false): string | null {
  const differ = (name: (typeof lists)[number]) => ({
    ...{ where: name, live: live[name].join("; "), durable: durable[name].join("; ") },
  });
  const isEqual = (name: (typeof lists)[number]) => {
    const [one, other] = [live[name], durable[name]];
    if (isCrashed && name === "heard") return isPartOf(one, other);
    if (isCrashed && isOnce(name)) return isPartOf(other, one);
    return one.length === other.length && one.every((text, index) => text === other[index]);
  };
  const unequal = lists.find((name) => !isEqual(name));
  const found =
    differenceOf({ ...live, results: [] }, { ...durable, results: [] }) ??
    (unequal && differ(unequal));
  return found ? `${found.where}: live ${found.live}, durable ${found.durable}` : null;
}
