// Aim: what a participant says of itself when its process has started: a launcher's fall-back counts for the
// upgrade that it is about, and for no other. Method: one look over the memory store; what is sent is caught.
import { expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { lookAround, type ParticipantWorld } from "../../src/upgrade/participant-loop.ts";
import { acceptWrite, initializeVersions } from "../../src/upgrade/versions.ts";
import { coordinator, from, join, participant, to, upgrade } from "./facts.ts";

test.each([
  ["1.1.0, where the upgrade leads", "1.1.0", true],
  ["1.0.0, where it comes from", "1.0.0", true],
  ["an earlier one", "0.9.0", false],
])("the launcher fell back from %s", async (_which, version, isSaid) => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgrade)]);
  await store.append([...coordinator([]), ...participant("a1", [])]);
  const said: unknown[] = [];
  const engine = {
    async send(_actor: string, event: { type: string; cannotStart?: unknown }) {
      if (event.type === "started") said.push(event.cannotStart);
    },
  };
  const cannotStart = {
    code: "cannot-start",
    message: "it does not come up",
    details: { version },
  };
  const world = {
    ...{
      store,
      engine: engine as unknown as Engine,
      agent: "a1",
      role: "state-server",
      version: from,
    },
    ...{ incarnation: 3, steps: [], startable: [from, to], cannotStart, sinceMs: 0 },
    gate: { isOpen: false },
    wasTakenOver: () => true,
    localJournal: { stepsVersion: async () => from },
  };
  await lookAround(world as unknown as ParticipantWorld);
  expect(said).toEqual([isSaid ? cannotStart : null]);
});
