/** Everything that chance decides in one run: the same for a seed each time, on any machine. */
export interface Draw {
  /** A number in 0 … 1. */
  part(): number;
  /** A whole number in 0 … below. */
  below(limit: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  hex(bytes: number): string;
  /** A stream of its own: what is drawn from it moves nothing that others draw. */
  fork(name: string): Draw;
}

/** FNV-1a, so that a name leads to a stream. */
function hashOf(name: string, start: number): number {
  let hash = start ^ 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return hash | 0;
}

/** The generator mulberry32, seeded by a whole number. */
export function createDraw(seed: number): Draw {
  let state = seed | 0;
  const part = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number) => Math.floor(part() * limit);
  return {
    part,
    below,
    chance: (probability) => part() < probability,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    hex: (bytes) =>
      Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, "0")).join(""),
    fork: (name) => createDraw(hashOf(name, seed)),
  };
}
