// Aim: the memory store keeps the contract of the engine's store. Method: the suite that both stores pass.
import { describe, expect, test } from "vitest";
import {
  createMemoryEngineStore,
  type MemorySession,
} from "../../../src/engine/journal/memory-store.ts";
import { storeContract } from "./store-contract.ts";
import { type AnyStore, entryOf } from "./store-under-test.ts";

describe("memory store", () => {
  storeContract(async () => {
    let nowMs = 1_000_000;
    const store = createMemoryEngineStore({ nowMs: () => nowMs }) as AnyStore;
    const business: string[] = [];
    return {
      store,
      other: store,
      // In memory no answer can be lost; the contract holds all the same.
      loseAnswerOf: () => {},
      writeBusiness: async (session, id) => {
        (session as MemorySession).write(() => business.push(id));
      },
      business: async () => business,
      expireLeases: async (ttlMs) => {
        nowMs += ttlMs;
      },
    };
  });

  test("a gap in the revisions is a bug of the caller", async () => {
    const store = createMemoryEngineStore({ nowMs: () => 0 });
    await expect(store.append([entryOf("a", 1)])).rejects.toMatchObject({
      code: "invariant-broken",
    });
  });
});
