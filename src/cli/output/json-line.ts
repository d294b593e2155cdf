import { formatVersion } from "./format.ts";
import type { Line } from "./outputs.ts";

type Unversioned<Each> = Each extends unknown ? Omit<Each, "formatVersion"> : never;

/** A line before its version is added. */
export type BareLine = Unversioned<Line>;

/** One line of a command's output, with the version of its format. Pure. */
export function jsonLine({ type, ...rest }: BareLine): string {
  return JSON.stringify({ type, formatVersion, ...rest });
}
