import type { Store } from "../../src/journal/store.ts";

/** A store with some of its methods replaced. The others stay methods of that store, whatever it is made of. */
export function storeWith(store: Store, replaced: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const found: unknown = Reflect.get(replaced, name) ?? Reflect.get(target, name);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}
