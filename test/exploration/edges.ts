/** The edges between states, in as little memory as it takes. */
export interface Edges {
  add(from: number, to: number): void;
  readonly count: number;
  fromOf(index: number): number;
  toOf(index: number): number;
}

const chunkSize = 1 << 20;

export function createEdges(): Edges {
  const chunks: Uint32Array[] = [];
  let count = 0;
  const at = (place: number) =>
    (chunks[Math.floor(place / chunkSize)] as Uint32Array)[place % chunkSize] as number;
  return {
    add(from, to) {
      const place = 2 * count;
      if (place % chunkSize === 0) chunks.push(new Uint32Array(chunkSize));
      const chunk = chunks.at(-1) as Uint32Array;
      chunk[place % chunkSize] = from;
      chunk[(place % chunkSize) + 1] = to;
      count += 1;
    },
    get count() {
      return count;
    },
    fromOf: (index) => at(2 * index),
    toOf: (index) => at(2 * index + 1),
  };
}

/** The first of the states from which none of the ends can be reached, or undefined. */
export function unreachable(
  edges: Edges,
  states: number,
  ends: readonly number[],
): number | undefined {
  const starts = new Uint32Array(states + 1);
  for (let index = 0; index < edges.count; index += 1) {
    const to = edges.toOf(index);
    starts[to + 1] = (starts[to + 1] as number) + 1;
  }
  for (let state = 0; state < states; state += 1) {
    starts[state + 1] = (starts[state + 1] as number) + (starts[state] as number);
  }
  const filled = starts.slice();
  const sources = new Uint32Array(edges.count);
  for (let index = 0; index < edges.count; index += 1) {
    const to = edges.toOf(index);
    sources[filled[to] as number] = edges.fromOf(index);
    filled[to] = (filled[to] as number) + 1;
  }
  const reached = new Uint8Array(states);
  const waiting = new Uint32Array(states);
  let [read, written] = [0, 0];
  const reach = (state: number) => {
    if (reached[state] !== 0) return;
    reached[state] = 1;
    waiting[written] = state;
    written += 1;
  };
  for (const end of ends) reach(end);
  for (; read < written; read += 1) {
    const state = waiting[read] as number;
    for (let index = starts[state] as number; index < (starts[state + 1] as number); index += 1) {
      reach(sources[index] as number);
    }
  }
  const stuck = reached.indexOf(0);
  return stuck < 0 ? undefined : stuck;
}
