// Aim: the memory store keeps the contract of the journal. Method: the suite that both stores pass.
import { describe } from "vitest";
import { createMemoryStore } from "../support/memory-store.ts";
import { storeContract } from "./store-contract.ts";

describe("memory store", () => {
  storeContract(async () => {
    const store = createMemoryStore({ now: () => 0 });
    // In memory no answer can be lost; the contract holds all the same.
    const fill = (collection: string, ids: readonly string[]) =>
      store.write(ids.map((id) => ({ collection, id, expect: null, set: { at: 0 } })));
    return { store, fill, reopen: async () => store, loseNextAnswer: () => {} };
  });
});
