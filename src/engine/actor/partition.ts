import { limits } from "../../limits.ts";

/** The partition of an actor: its machine, and FNV-1a of its id. It never changes. */
export function partitionOf(machine: string, actor: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(actor)) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${machine}/${(hash >>> 0) % limits.partitionsOfMachine}`;
}
