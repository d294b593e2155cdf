import { randomBytes } from "node:crypto";

/** Randomness for names that must not collide. No decision uses it. */
export interface Random {
  /** Lower-case hexadecimal text of `bytes` random bytes. */
  hex(bytes: number): string;
}

/** The real randomness. */
export const systemRandom: Random = { hex: (bytes) => randomBytes(bytes).toString("hex") };
