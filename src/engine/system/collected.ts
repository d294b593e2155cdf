import type { WorkRecord } from "../journal/entry.ts";
import type { RunStamp } from "./outcome.ts";

/** The demands of one run, in their order. */
export interface Collected {
  readonly stamp: RunStamp;
  index: number;
  readonly started: WorkRecord[];
  readonly emitted: unknown[];
  readonly closures: (() => unknown)[];
  readonly logged: unknown[][];
  relays: number;
  isEndless: boolean;
  /** The first value that could not be written down. */
  refusal?: { readonly error: unknown };
}

/** Nothing is collected yet. */
export function collecting(stamp: RunStamp): Collected {
  return {
    stamp,
    index: 0,
    started: [],
    emitted: [],
    closures: [],
    logged: [],
    relays: 0,
    isEndless: false,
  };
}
