import { inspect } from "node:util";
import type { StoredTree } from "../../../engine/system/tree.ts";
import { decode } from "../../../engine/values/decode.ts";
import { limits } from "../../../limits.ts";

/** A value of an actor, in both of its forms. */
export interface KeptValue {
  /** As the journal has it: JSON, in which `{"@":["Date",…]}` marks a type of its own. */
  readonly json: unknown;
  /** For people, as Node prints values. */
  readonly text: string;
}

/** The values of an actor's root that people ask for. Null: it has none. */
export interface KeptValues {
  readonly context: KeptValue | null;
  readonly output: KeptValue | null;
}

function textOf(value: unknown): string {
  const lines = inspect(value, {
    ...{ depth: limits.shownValueDepth, maxArrayLength: limits.shownValueItems },
    ...{ maxStringLength: limits.shownValueTextLength, breakLength: limits.shownValueWidth },
  }).split("\n");
  const more = lines.length - limits.shownValueLines;
  if (more <= 0) return lines.join("\n");
  return [
    ...lines.slice(0, limits.shownValueLines),
    `… ${more} more lines; \`lockstep actors show --json\` has all of them`,
  ].join("\n");
}

/** An object of another actor is kept as its number in the tree. */
function valueIn(text: string): unknown {
  return decode(text, { later: (birth, put) => put({ actor: Number(birth) }) });
}

/**
 * A value in the journal's form of JSON. Pure.
 * @throws LockstepError `record-broken` for a text that the engine does not write
 */
export function keptJsonOf(text: string): unknown {
  valueIn(text);
  return JSON.parse(text);
}

/**
 * A value of the journal for people. Pure.
 * @throws LockstepError `record-broken`
 */
export function keptTextOf(text: string): string {
  return textOf(valueIn(text));
}

/**
 * The context and the output in the snapshot of an entry, without the machine. Pure.
 * @throws LockstepError `record-broken`
 */
export function keptValuesOf(snapshot: string | null): KeptValues {
  if (snapshot === null) return { context: null, output: null };
  const tree = valueIn(snapshot);
  const parsed: unknown = JSON.parse(snapshot);
  const keptOf = (name: "context" | "output"): KeptValue | null => {
    const value = (tree as Partial<StoredTree>).root?.snapshot?.[name];
    const json = (parsed as Partial<StoredTree>).root?.snapshot?.[name];
    return json === undefined ? null : { json, text: textOf(value) };
  };
  return { context: keptOf("context"), output: keptOf("output") };
}
