import type { Write } from "../journal/store.ts";

/** The proof that this process is master, for code that acts as master. */
export interface Mastership {
  readonly epoch: number;
  /** Aborts when the lease is lost or given up. Nothing new may start after that. */
  readonly signal: AbortSignal;
  /** The write that fences a transaction. It changes the fence only at this epoch. */
  readonly fence: Write;
}
