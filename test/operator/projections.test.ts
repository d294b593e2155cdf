// Aim: nobody who asks for the status or the history reads what is large in every entry. Method: a store that
// refuses to answer with all of an actor's entries, or with the tails of all upgrades for the status.
import { expect, test } from "vitest";
import { initializeVersions } from "../../src/control/versions.ts";
import type { Store } from "../../src/journal/store.ts";
import { readHistory } from "../../src/operator/history.ts";
import { readStatus } from "../../src/operator/status.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, ways } from "../upgrade/protocol/facts.ts";

const refused = () => Promise.reject(new Error("all of a journal was read"));

test("the status reads one tail and heads, the history tails and heads", async () => {
  const store = createMemoryStore({ now: () => 0 });
  await initializeVersions(store, "1.0.0");
  for (const entry of coordinator(ways["migrating"] ?? [])) await store.append([entry]);
  const withoutEntries: Store = { ...store, entries: refused };
  const { upgrade } = await readStatus({ ...withoutEntries, tails: refused });
  expect(upgrade).toMatchObject({ state: "migrating" });
  const [item] = await readHistory(withoutEntries);
  expect(item?.states.map(({ state }) => state)).toEqual([
    "waiting",
    "backing-up",
    "rehearsing",
    "migrating",
  ]);
});
