// Aim: what a coordinator could not take is in the fleet's status. Method: a journal in memory whose last event was
// rejected, since its entry would have been too large.
import { expect, test } from "vitest";
import { initializeVersions } from "../../src/control/versions.ts";
import { limits } from "../../src/limits.ts";
import { readStatus } from "../../src/operator/status.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, reason, ways } from "../upgrade/protocol/facts.ts";

test("the reason of a rejected event, while nothing else has been said", async () => {
  const store = createMemoryStore({ now: () => 0 });
  await initializeVersions(store, "1.0.0");
  const details = { text: "x".repeat(limits.snapshotBytesMax) };
  const entries = coordinator([
    ...(ways["migrating"] ?? []),
    { type: "participantFailed", agent: "a1", reason: { ...reason, details } },
  ]);
  for (const entry of entries) await store.append([entry]);
  const { upgrade } = await readStatus(store);
  expect(upgrade).toMatchObject({ state: "migrating", reason: { code: "entry-too-large" } });
  const next = coordinator([...(ways["migrating"] ?? []), { type: "migrationFailed", reason }]);
  await store.append([
    { ...(next.at(-1) as (typeof next)[0]), revision: entries.length, eventKey: "caller:next" },
  ]);
  expect((await readStatus(store)).upgrade).toMatchObject({ state: "rolling-back", reason });
});
