import { createFleetClient, type FleetClient } from "../operator/fleet-client.ts";
import { parseSecondsMs } from "./seconds.ts";

/** Options that every command shares. */
export interface SharedOptions {
  readonly mongoUrl: string;
  readonly fleet?: string;
  readonly json?: boolean;
  readonly timeout?: string;
}

/** A command's output, and its interruption. */
export interface Terminal {
  out(text: string): void;
  /** Asks a person; null where there is none. */
  question(text: string): Promise<string | null>;
  readonly signal: AbortSignal;
}

/** Opens the fleet for one command and closes it whatever happens. */
export async function withFleet(
  options: SharedOptions,
  { signal }: Pick<Terminal, "signal">,
  act: (fleet: FleetClient) => Promise<number>,
): Promise<number> {
  const timeoutMs =
    options.timeout === undefined ? undefined : parseSecondsMs("--timeout", options.timeout);
  const fleet = await createFleetClient({
    mongoUrl: options.mongoUrl,
    signal,
    ...(options.fleet === undefined ? {} : { fleet: options.fleet }),
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
