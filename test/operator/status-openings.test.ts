// Aim: an agent that counts as serving is not shown with a shut gate in the same status. Method: a store in memory in
// which the last agent opens its gate and serves just as the status looks for openings.
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { register } from "../../src/control/agents.ts";
import { initializeVersions } from "../../src/control/versions.ts";
import { collections, type Entry, type Store } from "../../src/journal/store.ts";
import { readStatus } from "../../src/operator/status.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, ways } from "../upgrade/protocol/facts.ts";

test("the records of the agents are not older than their openings", async () => {
  const store = createMemoryStore({ now: () => 0 });
  await initializeVersions(store, "1.0.0");
  const entries = coordinator(ways["done"] ?? []);
  for (const entry of entries) await store.append([entry]);
  const { required } = contextOf<UpgradeContext>(entries.at(-1) as Entry);
  const facts = { role: "state-server", version: "1.1.0", startable: [], backups: [] } as const;
  const host = { incarnationAtLeast: 1, freeBytes: 1, memberTrouble: null, host: "h", pid: 1 };
  for (const { agent } of required) await register(store, agent, { ...facts, ...host });
  const opensMeanwhile: Store = {
    ...store,
    async list(collection, ...rest) {
      if (collection !== collections.openings) return store.list(collection, ...rest);
      for (const { agent } of required) {
        const set = { gate: "open" };
        await store.write([{ collection: collections.agents, id: agent, expect: {}, set }]);
      }
      return required.map(({ agent }) => ({ _id: agent, agent, generation: 2, at: 0 }));
    },
  };
  const { upgrade, agents } = await readStatus(opensMeanwhile);
  expect(upgrade).toMatchObject({ state: "done", notServing: [] });
  expect(agents.map(({ gate }) => gate)).toEqual(required.map(() => "open"));
});
