// Aim: entries that wait together go in one append, but never two of one actor: an unordered batch with
// two would let the second in where the first is refused. Method: a store that is slow on purpose.
import { expect, test } from "vitest";
import { createBatcher } from "../../src/fleet-engine/batcher.ts";
import type { Transition } from "../../src/fleet-engine/transition.ts";
import type { Entry, Store } from "../../src/journal/store.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const step = (actor: string, revision: number): Transition => {
  const entry: Entry = {
    ...{ actor, revision, machine: "m", owner: { kind: "role", role: "master" } },
    ...{ event: { type: "e" }, outcome: "applied", snapshot: "{}", state: "s", status: "active" },
    ...{ timers: [], effects: [], epoch: 1, protocol: 1, at: 0 },
  };
  return { entry, writes: [] };
};

test("what waits together is appended together, an actor's next entry in a batch of its own", async () => {
  const memory = createMemoryStore({ now: () => 0 });
  const batches: string[][] = [];
  const store: Store = {
    ...memory,
    append(entries, writes) {
      batches.push(entries.map(({ actor, revision }) => `${actor}@${revision}`));
      return memory.append(entries, writes);
    },
  };
  const batcher = createBatcher(store);
  const steps = [step("a", 0), step("b", 0), step("a", 1), step("c", 0), step("b", 1)];
  const results = await Promise.all(steps.map((one) => batcher.append(one)));
  expect(results).toEqual(steps.map(() => ({ kind: "appended" })));
  expect(batches).toEqual([
    ["a@0", "b@0", "c@0"],
    ["a@1", "b@1"],
  ]);
});
