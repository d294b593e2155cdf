// Aim: each fleet-wide invariant is named when it is broken, and silent when it is not. Method: real
// journals made by the core, one fact bent at a time.
import { describe, expect, test } from "vitest";
import type { Entry } from "../../src/journal/store.ts";
import type { FleetFacts } from "../../src/operator/fleet-facts.ts";
import { fleetInvariants } from "../../src/operator/invariants.ts";
import {
  coordinator,
  fleetIn,
  participant,
  record,
  to,
  upgradeId,
  ways,
} from "../upgrade/protocol/facts.ts";

const actor = `upgrade/${upgradeId}`;
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
  const rest = { agentVersion: to, databaseVersion: to, upgradeId: null, generation: 2 };
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
              snapshot: entry.snapshot.replace(
                '"required":[',
                '"required":[{"agent":"x","role":"machine"},',
              ),
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
  named({ ...facts, agents: [record("a1", { incarnation: 1 })] }, "S13: participant/a1/u000002");
});

test("each machine's own, over what was recorded", () => {
  const facts = fleetIn("rolled-back");
  named(
    bend(facts, (all) =>
      all.map((entry, index) =>
        index === all.length - 1
          ? {
              ...entry,
              state: "migrating",
              snapshot: entry.snapshot.replace('"value":"rolled-back"', '"value":"migrating"'),
            }
          : entry,
      ),
    ),
    "back is back",
  );
});

describe("what is named is the one thing that is broken", () => {
  const only = (facts: FleetFacts, ...broken: string[]) =>
    expect(fleetInvariants(facts)).toEqual(broken);
  const moving = fleetIn("migrating");
  const entries = moving.journals[actor] ?? [];
  const own = moving.journals[`participant/a1/${upgradeId}`] ?? [];
  const { journals } = moving;

  test("no version: no gate is open, no upgrade is under way", () => {
    const nothing = { agents: [], journals: {}, fenceEpoch: 0, versions: undefined };
    only(nothing);
    const agents = [record("a1", { gate: "open" }), record("a2")];
    only({ ...nothing, agents }, "S1: a1 open, no version");
    only(
      { ...moving, versions: undefined },
      "S3: the slot names no upgrade, under way: upgrade/u000002",
    );
  });

  test("S1 at rest: who is shut may be on any version", () => {
    const done = fleetIn("done");
    only({ ...done, agents: [record("a1", { version: "0.1.0" })] });
    const open = record("a1", { version: "0.1.0", gate: "open" });
    only({ ...done, agents: [open] }, "S1: a1 open on 0.1.0");
  });

  test("S2 is broken only by who was ready, and is required", () => {
    const open = record("a9", { gate: "open" });
    only({ ...moving, agents: [...moving.agents, open] });
    only({ ...moving, agents: [record("a1"), record("a2", { gate: "open" })] }, "S2: a2 open");
    const early = coordinator([...(ways["waiting"] ?? []), { type: "abortRequested", why: "" }]);
    const back = { ...fleetIn("rolling-back"), agents: [record("a1", { gate: "open" })] };
    only({ ...back, journals: { [actor]: early } });
    const forgotten = coordinator([
      ...(ways["migrating"] ?? []),
      { type: "agentForgotten", agent: "a2" },
    ]);
    const agents = [record("a2", { gate: "open" })];
    only({ ...moving, agents, journals: { [actor]: forgotten } });
  });

  test("S3: the slot of an upgrade without a journal; an actor that is no coordinator", () => {
    only(
      { ...moving, journals: {} },
      "S3: the slot names u000002, under way: none",
      "S8: u000002 holds the slot and has no journal",
    );
    only({ ...moving, agents: [] });
  });

  test("S4: only coordinators stand behind the fence, at its epoch too", () => {
    only({ ...moving, fenceEpoch: 1 });
    const taken = bend(moving, (all) =>
      all.map((entry) => ({ ...entry, epoch: entry.revision < 2 ? 1 : 2 })),
    );
    only({ ...taken, fenceEpoch: 2 });
    only(
      bend(moving, (all) => all.map((entry) => ({ ...entry, epoch: 2 }))),
      "S4: upgrade/u000002 in epoch 2, beyond the fence",
    );
    only(
      bend(moving, (all) => all.map((entry, index) => ({ ...entry, epoch: index === 1 ? 1 : 0 }))),
      "upgrade/u000002: S4: no older epoch follows",
    );
    only(
      bend(moving, (all) => all.map((entry) => ({ ...entry, epoch: -1 }))),
      "upgrade/u000002: S4: no older epoch follows",
    );
  });

  test("S8 names both versions", () => {
    const at = versions(moving);
    only(
      { ...moving, versions: { ...at, agentVersion: "1.0.0" } },
      `S8: in migrating, the agents' 1.0.0, the database's ${at.databaseVersion}`,
    );
    const blocked = fleetIn("blocked");
    only(
      { ...blocked, versions: { ...versions(blocked), agentVersion: to } },
      `S8: in blocked, the agents' 1.1.0, the database's ${at.databaseVersion}`,
    );
    const done = fleetIn("done");
    only(
      { ...done, versions: { ...versions(done), databaseVersion: "x", agentVersion: "x" } },
      "S8: at rest on x, the database on x",
    );
    only(
      { ...done, versions: { ...versions(done), databaseVersion: "1.0.0" } },
      "S8: at rest on 1.1.0, the database on 1.0.0",
    );
  });

  test("S11: a journal whose keys are its own, or are missing", () => {
    const bare = entries.map(({ eventKey: _key, ...entry }) => entry);
    only({ ...moving, journals: { ...journals, [actor]: bare } });
    const gap = own.map((entry) => ({ ...entry, revision: entry.revision + 1 }));
    only(
      { ...moving, journals: { ...journals, [`participant/a1/${upgradeId}`]: gap } },
      "participant/a1/u000002: S11: revisions have no gaps (1)",
    );
    only({ ...moving, journals: { ...journals, "participant/a2/u000001": [] } });
  });

  test("S13: at the incarnation, not beyond; without a record it cannot be said", () => {
    const at = (incarnation: number) => ({
      ...moving,
      agents: [record("a1", { incarnation }), record("a2")],
    });
    only(at(2));
    only(at(1), "S13: participant/a1/u000002 in epoch 2, a1 in 1");
    only({ ...moving, agents: [record("a2", { incarnation: 1 })] });
  });

  test("a machine's own, by place", () => {
    const last = entries.at(-1) as Entry;
    const bent = { ...last, snapshot: last.snapshot.replace('"to":"1.1.0"', '"to":"9.0.0"') };
    const found = fleetInvariants(bend(moving, (all) => [...all.slice(0, -1), bent]));
    expect(found[0]).toBe(`upgrade/u000002@${last.revision}: S3: the upgrade never changes`);
    const told = participant("a1", [{ type: "turnBackAsked" }]);
    const turned = told.map((entry) => ({ ...entry, event: { type: "other" } }));
    only(
      { ...moving, journals: { ...journals, [`participant/a1/${upgradeId}`]: turned } },
      "participant/a1/u000002@1: back only when asked",
    );
  });
});
