// Aim: an upgrade that has ended lifts what it held, and nothing that the next one holds by then, however late a
// member lets it. Method: the effect over the memory store, and a database that answers each call alike.
import { expect, test } from "vitest";
import { acceptWrite, initializeVersions } from "../../../src/control/versions.ts";
import type { EffectContext } from "../../../src/fleet-engine/engine.ts";
import type { AgentWorld } from "../../../src/upgrade/agent-world.ts";
import { liftHolds } from "../../../src/upgrade/coordinator/effects/lift-holds.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { from, to, upgradeId } from "../protocol/facts.ts";

test("while an upgrade holds the slot, an earlier one lifts nothing", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  const lifted: string[] = [];
  const lift = (what: string) => async () => void lifted.push(what);
  const database = {
    allowWrites: lift("writes"),
    resumeDeletions: lift("deletions"),
    releaseHistory: lift("history"),
  };
  const effect = liftHolds({ store, database } as unknown as AgentWorld);
  const call = () => effect({ upgradeId: "u000001" }, {} as EffectContext);
  expect(await call()).toEqual({ type: "holdsLifted" });
  expect(lifted.toSorted()).toEqual(["deletions", "history", "writes"]);
  await store.write([acceptWrite(from, to, upgradeId)]);
  expect(await call()).toEqual({ type: "holdsLifted" });
  expect(lifted).toHaveLength(3);
});
