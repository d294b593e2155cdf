import { entryStep, keyStep, memberStep } from "../refusal.ts";
import {
  brokenValue,
  type Kind,
  kind,
  listPart,
  numberPart,
  type Pack,
  Reference,
  textPart,
  type Unpack,
} from "./kind.ts";

/**
 * Reads a list whose order counts. Objects that are kept by reference arrive later, one by one: `refill` is called
 * while they are References, and again once the last has arrived.
 */
function inOrder(
  packed: readonly unknown[],
  unpack: Unpack,
  refill: (items: readonly unknown[]) => void,
): void {
  const items = packed.map((part) => unpack.open(part));
  let waiting = items.filter((item) => item instanceof Reference).length;
  refill(items);
  for (const [index, item] of items.entries()) {
    if (!(item instanceof Reference)) continue;
    unpack.later(item, (value) => {
      if (items[index] === item) waiting -= 1;
      items[index] = value;
      if (waiting === 0) refill(items);
    });
  }
}

function packMap(map: Map<unknown, unknown>, pack: Pack): readonly unknown[] {
  const packed: unknown[] = [];
  let index = 0;
  for (const [key, value] of map) {
    packed.push(pack(key, keyStep(index)), pack(value, entryStep(key, index)));
    index += 1;
  }
  return [packed];
}

function makeMap(packed: readonly unknown[], unpack: Unpack): Map<unknown, unknown> {
  if (packed.length % 2 === 1) throw brokenValue("a key of a Map without a value");
  const map = new Map<unknown, unknown>();
  inOrder(packed, unpack, (items) => {
    map.clear();
    for (let index = 0; index < items.length; index += 2) {
      const [key, value] = [items[index], items[index + 1]];
      if (!(key instanceof Reference || value instanceof Reference)) map.set(key, value);
    }
  });
  return map;
}

function packSet(set: Set<unknown>, pack: Pack): readonly unknown[] {
  let index = 0;
  const packed: unknown[] = [];
  for (const member of set) {
    packed.push(pack(member, memberStep(index)));
    index += 1;
  }
  return [packed];
}

function makeSet(packed: readonly unknown[], unpack: Unpack): Set<unknown> {
  const set = new Set<unknown>();
  inOrder(packed, unpack, (items) => {
    set.clear();
    for (const item of items) if (!(item instanceof Reference)) set.add(item);
  });
  return set;
}

function packDate(date: Date): readonly unknown[] {
  return Number.isNaN(date.getTime()) ? [null] : [date.toISOString()];
}

function makeDate(part: unknown): Date {
  if (part === null) return new Date(Number.NaN);
  const date = new Date(textPart(part));
  if (Number.isNaN(date.getTime())) throw brokenValue("a Date with another text than a time");
  return date;
}

function packRegExp({ source, flags, lastIndex }: RegExp, pack: Pack): readonly unknown[] {
  return lastIndex === 0 ? [source, flags] : [source, flags, pack(lastIndex, "lastIndex")];
}

function makeRegExp([source, flags, lastIndex = 0]: readonly unknown[], { open }: Unpack): RegExp {
  const expression = new RegExp(textPart(source), textPart(flags));
  expression.lastIndex = numberPart(open(lastIndex));
  return expression;
}

/** The kinds of the language and the platform that hold no bytes. */
export const basicKinds: readonly Kind[] = [
  kind("Date", Date, packDate, ([time]) => makeDate(time)),
  kind("Map", Map, packMap, ([packed], unpack) => makeMap(listPart(packed), unpack)),
  kind("Set", Set, packSet, ([packed], unpack) => makeSet(listPart(packed), unpack)),
  kind("RegExp", RegExp, packRegExp, makeRegExp),
  kind(
    "URL",
    URL,
    (url) => [url.href],
    ([href]) => new URL(textPart(href)),
  ),
].map((each) => ({ ...each, isBare: true }));
