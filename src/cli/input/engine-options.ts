import type { EnginePlace } from "../../operator/actors/open-engine.ts";
import { printableLine } from "../../printable.ts";
import { type BareLine, jsonLine } from "../output/json-line.ts";
import { fleetOptions, type SharedOptions, type Terminal } from "../run.ts";

/** Options that all commands on an engine share. */
export interface EngineOptions extends Omit<SharedOptions, "fleet"> {
  readonly database?: string;
}

/** The options by which a command reaches its engine, parsed. */
export function placeOf(options: EngineOptions, terminal: Terminal): EnginePlace {
  const { mongoUrl, timeoutMs, signal } = fleetOptions(options, terminal);
  return { mongoUrl, timeoutMs, signal, database: options.database };
}

/** Prints lines, or objects with `--json`, and then what was said of records that cannot be read. */
export function print(
  terminal: Terminal,
  json: boolean | undefined,
  { lines, objects }: { lines: readonly string[]; objects: readonly BareLine[] },
  notices: readonly string[],
): void {
  const warnings = notices.map((message) => ({ type: "notice", message }) as const);
  const texts = json
    ? [...objects, ...warnings].map(jsonLine)
    : [...lines, ...notices.map((each) => printableLine(`note: ${each}`))];
  for (const text of texts) terminal.out(text);
}
