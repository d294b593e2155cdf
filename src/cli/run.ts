import type { HandOptions } from "../operator/by-hand/work-by-hand.ts";
import type { FleetClient } from "../operator/fleet-client.ts";
import { parseTimeMs } from "./input/time-span.ts";
import type { Screen } from "./render/screen.ts";
import type { SayWord } from "./render/words.ts";

/** Options that every command shares. */
export interface SharedOptions {
  readonly mongoUrl: string;
  readonly fleet?: string;
  readonly json?: boolean;
  readonly timeout?: string;
}

/** Takes the exit code of a command, or its failure, once it has ended. */
export type Settle = (work: Promise<number>) => Promise<void>;

/** A command's output, and its interruption. */
export interface Terminal {
  out(text: string): void;
  /** Asks a person. Returns null where there is none. */
  question(text: string): Promise<string | null>;
  /** Shows a text that changes, or null where there is no terminal. */
  readonly screen: Screen | null;
  /** Says a status word, in its colour where there are colours. */
  readonly sayWord: SayWord;
  readonly signal: AbortSignal;
  /** Sets the answer to Ctrl-C. Default: what happens to a request. */
  explainInterruption(message: string): void;
}

/** The options by which a command reaches its fleet, parsed. */
export function fleetOptions(
  { mongoUrl, fleet, timeout }: SharedOptions,
  { signal }: Pick<Terminal, "signal">,
): Omit<HandOptions, "onNotice"> {
  const timeoutMs = timeout === undefined ? undefined : parseTimeMs("--timeout", timeout);
  return { mongoUrl, fleet, timeoutMs, signal };
}

/** Opens the fleet for one command and closes it whatever happens. */
export async function withFleet(
  options: SharedOptions & { readonly engineDatabase?: string | undefined },
  terminal: Pick<Terminal, "signal">,
  act: (fleet: FleetClient) => Promise<number>,
): Promise<number> {
  const { mongoUrl, fleet: name, timeoutMs, signal } = fleetOptions(options, terminal);
  // The driver and the machines take most of a start, and a command that only prints its help needs neither.
  const { createFleetClient } = await import("../operator/fleet-client.ts");
  const fleet = await createFleetClient({
    ...{ mongoUrl, signal },
    ...(options.engineDatabase === undefined ? {} : { engineDatabase: options.engineDatabase }),
    ...(name === undefined ? {} : { fleet: name }),
    ...(timeoutMs === undefined
      ? {}
      : { serverSelectionTimeoutMs: timeoutMs, answerTimeoutMs: timeoutMs }),
  });
  try {
    signal.throwIfAborted();
    return await act(fleet);
  } finally {
    await fleet.close();
  }
}
