// Aim: whom an operator has forgotten, and who lives on after all, is no member of the fleet until it has
// registered anew: it neither counts as alive nor opens its gate. Method: the memory store.
import { expect, test } from "vitest";
import { heartbeat, readAgents } from "../../src/control/agents.ts";
import { initializeVersions } from "../../src/control/versions.ts";
import { collections } from "../../src/journal/store.ts";
import { gateWrites } from "../../src/upgrade/participant/gate/gate.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { from, join } from "./protocol/facts.ts";

const facts = { blocked: null, freeBytes: 1, backups: [], memberTrouble: null };
const open = { agent: "a1", incarnation: 1, version: from };

test("its heartbeat is refused and its gate stays shut, until it registers again", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  expect(await heartbeat(store, "a1", 1, 1_000, facts)).toBe(true);
  expect(await store.write(gateWrites("open", open))).toBe(null);
  await store.write([
    {
      collection: collections.agents,
      id: "a1",
      expect: {},
      set: { forgotten: true, gate: "shut" },
    },
  ]);
  expect(await heartbeat(store, "a1", 1, 1_000, facts)).toBe(false);
  expect(await store.write(gateWrites("open", open))).toBe(1);
  expect(await readAgents(store)).toEqual([]);
  expect(await join(store, "a1")).toBe(2);
  expect(await heartbeat(store, "a1", 2, 1_000, facts)).toBe(true);
  expect(await store.write(gateWrites("open", { ...open, incarnation: 2 }))).toBe(null);
});
