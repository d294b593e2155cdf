/** Gives equal values one small number, so that a state of the model is a short text. */
export interface Interner<Value> {
  /** The number of a value, from 1 on. */
  idOf(key: string, make: () => Value): number;
  get(id: number): Value;
  readonly size: number;
}

export function createInterner<Value>(): Interner<Value> {
  const ids = new Map<string, number>();
  const values: Value[] = [];
  return {
    idOf(key, make) {
      const known = ids.get(key);
      if (known !== undefined) return known;
      const id = values.push(make());
      ids.set(key, id);
      return id;
    },
    get(id) {
      const value = values[id - 1];
      if (value === undefined) throw new Error(`expected a number that was given, got ${id}`);
      return value;
    },
    get size() {
      return values.length;
    },
  };
}
