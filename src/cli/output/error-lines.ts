import type { Versioned } from "./format.ts";

/** A failure, on standard error. */
export interface ErrorLine extends Versioned {
  readonly type: "error";
  /** Later versions may have more codes. */
  readonly code: string;
  readonly message: string;
  /** Facts for programs, as ids and figures. */
  readonly details: Readonly<Record<string, unknown>>;
  /** The heading of docs/errors.md that explains the code. */
  readonly docs: string;
}

/** The answer to the first Ctrl-C, on standard error. */
export interface InterruptedLine extends Versioned {
  readonly type: "interrupted";
  readonly message: string;
}
