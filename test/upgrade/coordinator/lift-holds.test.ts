// Aim: an upgrade that has ended lifts what it held, and nothing that the next one holds by then, however late a
// member lets it. Method: the effect over the memory store; a client that nobody may touch.
import { expect, test } from "vitest";
import { acceptWrite, initializeVersions } from "../../../src/control/versions.ts";
import type { EffectContext } from "../../../src/engine/engine.ts";
import { createMemoryStore } from "../../../src/journal/memory-store.ts";
import { coordinatorEffects } from "../../../src/upgrade/coordinator/coordinator-effects.ts";
import type { DatabaseWorld } from "../../../src/upgrade/world.ts";
import { from, to, upgrade } from "../protocol/facts.ts";

test("while an upgrade holds the slot, an earlier one lifts nothing", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  const client = {
    db() {
      throw new Error("touched");
    },
  };
  const world = { store, client } as unknown as DatabaseWorld;
  const lift = coordinatorEffects(world)["liftHolds"];
  const call = () => lift?.({ upgrade: "u000001" }, {} as EffectContext);
  await expect(call()).rejects.toThrow("touched");
  await store.write([acceptWrite(from, to, upgrade)]);
  expect(await call()).toEqual({ type: "holdsLifted" });
});
