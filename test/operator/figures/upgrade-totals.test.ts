// Aim: the counters of upgrades come from the journals, so that a restart loses none; a reading costs little. Method: real
// journals of upgrades in a store that counts what is read.
import { expect, test } from "vitest";
import { coordinatorId, upgradeIdOf } from "../../../src/control/ids.ts";
import type { Entry, EntryHead, Store } from "../../../src/journal/store.ts";
import { totalsOf } from "../../../src/operator/figures/upgrade-totals.ts";
import { UpgradesReader } from "../../../src/operator/figures/upgrades-reader.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { coordinator, ways } from "../../upgrade/protocol/facts.ts";

const head = (revision: number, more: Partial<EntryHead> = {}): EntryHead => ({
  ...{ actor: "upgrade/u000002", revision, state: "waiting", status: "active" },
  ...{ outcome: "applied", epoch: 1, at: revision * 1_000, effects: [] },
  ...more,
});
const copy = { id: "upgrade/u000002/0/0", name: "copy" };

test("counts each stay in a state, each takeover, and each effect with its time", () => {
  const { entered, takeovers, effects } = totalsOf([
    head(0, { effects: [copy] }),
    head(1, { outcome: "takeover", epoch: 2, effects: [copy] }),
    head(2, { eventKey: `effect:${copy.id}`, state: "blocked" }),
    head(3, { eventKey: "caller:retry", state: "waiting" }),
    // A result that comes again is a duplicate in the journal, and no entry.
    head(4, { effects: [{ ...copy, id: "upgrade/u000002/4/0" }] }),
    head(5, { eventKey: "effect:upgrade/u000002/4/0", at: 4_500 }),
    // A cancelled effect has no result.
    head(6, { effects: [{ id: "upgrade/u000002/6/0", name: "migrate" }] }),
    head(7),
  ]);
  expect(Object.fromEntries(entered)).toEqual({ waiting: 2, blocked: 1 });
  expect(takeovers).toBe(1);
  expect([...effects]).toEqual([["copy", { count: 2, sumMs: 2_500, lastMs: 500 }]]);
});

/** The same journal as that of another upgrade. */
function renamed(entries: readonly Entry[], generation: number): readonly Entry[] {
  const to = coordinatorId(upgradeIdOf(generation));
  return entries.map((entry) => ({
    ...entry,
    actor: to,
    effects: entry.effects.map((each) => ({ ...each, id: each.id.replace(entry.actor, to) })),
    ...(entry.eventKey === undefined ? {} : { eventKey: entry.eventKey.replace(entry.actor, to) }),
  }));
}

test("a reader counts as one that was restarted does, and asks only for what is new", async () => {
  const store = createMemoryStore({ now: () => 0 });
  const asked: string[] = [];
  const counting: Store = {
    ...store,
    lastTail: (prefix) => {
      asked.push("last tail");
      return store.lastTail(prefix);
    },
    tails: (prefix) => {
      asked.push("tails");
      return store.tails(prefix);
    },
    heads: (actor) => {
      asked.push("heads");
      return store.heads(actor);
    },
    entries: () => Promise.reject(new Error("whole entries were read")),
  };
  const reader = new UpgradesReader(counting);
  const counted = async () => {
    const { totals } = await reader.read();
    expect((await new UpgradesReader(store).read()).totals).toEqual(totals);
    return totals;
  };
  expect((await counted()).entered.size).toBe(0);
  const journal = coordinator(ways["done"] ?? []);
  let before = 0;
  for (const generation of [2, 3, 5]) {
    for (const entry of renamed(journal, generation)) {
      await store.append([entry]);
      const { effects } = await counted();
      const count = [...effects.values()].reduce((sum, each) => sum + each.count, 0);
      expect(count).toBeGreaterThanOrEqual(before);
      before = count;
    }
  }
  expect((await counted()).entered.get("done")).toBe(3);
  asked.length = 0;
  await reader.read();
  await reader.read();
  expect(asked).toEqual(["last tail", "last tail"]);
});
