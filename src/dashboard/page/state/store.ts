import { useEffect, useState } from "preact/hooks";

/** A value that changes, and whose readers hear of it. */
export interface Store<Value> {
  get(): Value;
  set(change: (value: Value) => Value): void;
  subscribe(onChange: () => void): () => void;
}

export function createStore<Value>(first: Value): Store<Value> {
  const readers = new Set<() => void>();
  let value = first;
  return {
    get: () => value,
    set(change) {
      const next = change(value);
      if (next === value) return;
      value = next;
      for (const reader of readers) reader();
    },
    subscribe(onChange) {
      readers.add(onChange);
      return () => readers.delete(onChange);
    },
  };
}

/** The present value of a store, in a component. */
export function useStore<Value>(store: Store<Value>): Value {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    const read = () => setValue(() => store.get());
    read();
    return store.subscribe(read);
  }, [store]);
  return value;
}
