// Aim: each fleet-wide invariant is named when it is broken, and silent when it is not. Method: real
// journals made by the core, one fact bent at a time.
import { describe, expect, test } from "vitest";
import type { Entry } from "../../src/store/store.ts";
import type { FleetFacts } from "../../src/upgrade/fleet-facts.ts";
import { fleetInvariants } from "../../src/upgrade/invariants.ts";
import { fleetIn, record, to, upgrade, ways } from "./facts.ts";

const actor = `upgrade/${upgrade}`;
const bend = (facts: FleetFacts, change: (entries: Entry[]) => readonly Entry[]): FleetFacts => ({
  ...facts,
  journals: { ...facts.journals, [actor]: change([...(facts.journals[actor] ?? [])]) },
});
const versions = (facts: FleetFacts) => facts.versions as NonNullable<FleetFacts["versions"]>;
const named = (facts: FleetFacts, name: string) =>
  expect(fleetInvariants(facts).join("\n")).toContain(name);

describe.each(Object.keys(ways))("in %s", (state) => {
  test("nothing is broken, and the state is the one meant", () => {
    const facts = fleetIn(state);
    expect(facts.journals[actor]?.at(-1)?.state).toBe(state);
    expect(fleetInvariants(facts)).toEqual([]);
  });
});

test("S1: a gate open at rest on another version", () => {
  const facts = fleetIn("done");
  const open = (more: object) => ({ ...facts, agents: [record("a1", { gate: "open", ...more })] });
  expect(fleetInvariants(open({ version: to }))).toEqual([]);
  named(open({}), "S1: a1");
});

test.each(["backing-up", "migrating", "awaiting-peers", "rolling-back", "blocked"])(
  "S2: a gate open in %s",
  (state) => {
    const facts = fleetIn(state);
    named({ ...facts, agents: [record("a2", { gate: "open" })] }, "S2: a2");
  },
);

test("S2: a gate still open while waiting is none", () => {
  const facts = fleetIn("waiting");
  expect(fleetInvariants({ ...facts, agents: [record("a2", { gate: "open" })] })).toEqual([]);
});

test("S3: an upgrade under way without the slot; two; a required set that grows", () => {
  const facts = fleetIn("migrating");
  const rest = { agentVersion: to, databaseVersion: to, upgrade: null, generation: 2 };
  named({ ...facts, versions: rest }, "S3: the slot names no upgrade");
  const entries = facts.journals[actor] ?? [];
  const two = { ...facts.journals, "upgrade/u000009": entries };
  named({ ...facts, journals: two }, "S3: the slot names u000002");
  named(
    bend(facts, (all) =>
      all.map((entry, index) =>
        index < all.length - 1
          ? entry
          : {
              ...entry,
              snapshot: entry.snapshot.replace('"required":[', '"required":[{"agent":"x"},'),
            },
      ),
    ),
    "S3: the required set",
  );
});

test("S4: an older epoch that follows; one beyond the fence", () => {
  const facts = fleetIn("migrating");
  named(
    bend(facts, (all) => all.map((entry, index) => ({ ...entry, epoch: index === 1 ? 2 : 1 }))),
    "S4: no older epoch follows",
  );
  named({ ...facts, fenceEpoch: 0 }, "S4: upgrade/u000002 in epoch 1, beyond the fence");
});

test("S8: each way in which versions and upgrade disagree", () => {
  const moving = fleetIn("migrating");
  const with_ = (facts: FleetFacts, more: object) => ({
    ...facts,
    versions: { ...versions(facts), ...more },
  });
  named(with_(moving, { agentVersion: "1.0.0" }), "S8: in migrating");
  named(with_(moving, { databaseVersion: to }), "S8: in migrating");
  named(with_(fleetIn("rolling-back"), { agentVersion: to }), "S8: in rolling-back");
  named(with_(fleetIn("done"), { databaseVersion: "1.0.0" }), "S8: at rest");
  named(with_(fleetIn("done"), { databaseVersion: "1.0.0>1.1.0#u000002" }), "S8: at rest");
  named({ ...moving, journals: {} }, "S8: u000002 holds the slot and has no journal");
});

test("S11: a gap; an event that counts twice", () => {
  const facts = fleetIn("migrating");
  named(
    bend(facts, (all) => all.filter(({ revision }) => revision !== 2)),
    "S11: revisions",
  );
  named(
    bend(facts, (all) => all.map((entry) => ({ ...entry, eventKey: "same" }))),
    "S11: each event counts once",
  );
});

test("S13: a pinned journal in an incarnation that its agent never had", () => {
  const facts = fleetIn("waiting");
  named({ ...facts, agents: [record("a1", { incarnation: 1 })] }, "S13: agent/a1/u000002");
});

test("each machine's own, over what was recorded", () => {
  const facts = fleetIn("rolled-back");
  named(
    bend(facts, (all) =>
      all.map((entry, index) =>
        index === all.length - 1 ? { ...entry, state: "migrating" } : entry,
      ),
    ),
    "back is back",
  );
});
