import type { Write } from "../journal/store.ts";

/** Proof of being master: handed to whatever acts as one. */
export interface Mastership {
  readonly epoch: number;
  /** Aborts when the lease is lost or given up; nothing new may start then. */
  readonly signal: AbortSignal;
  /** The write that fences a transaction: it changes the fence at exactly this epoch. */
  readonly fence: Write;
}
