// Aim: downtime, copies and progress are shown of what is known, and nothing else is. Method: facts as a reader finds
// them.
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { AgentRecord } from "../../src/control/agents.ts";
import type { Fence, ShownProgress } from "../../src/journal/fence.ts";
import { limits } from "../../src/limits.ts";
import { downtimeOf, notServingOf } from "../../src/operator/upgrade-facts/downtime.ts";
import { stepsProgress } from "../../src/operator/upgrade-facts/progress.ts";
import { copiesMade } from "../../src/upgrade/protocol/copies/copies-made.ts";

const required = ["a1", "a2"].map((agent) => ({ agent, role: "state-server" as const }));
const opening = (agent: string, at: number) => ({ agent, generation: 2, at });
const both = [opening("a1", 70), opening("a2", 90), opening("a9", 999)];

test.each([
  ["done", [20, 10], both, { from: 10, until: 90 }],
  ["rolled-back", [20, 10], both, { from: 10, until: 90 }],
  ["done", [20, 10], both.slice(0, 1), { from: 10, until: null }],
  // A gate that an earlier upgrade of this generation has left open says nothing of one under way.
  ["migrating", [20, 10], both, { from: 10, until: null }],
  ["waiting", [], [], { from: null, until: null }],
] as const)("%s, begun at %j", (state, begun, openings, downtime) => {
  expect(downtimeOf({ state, required, begun, openings })).toEqual(downtime);
});

test("nobody is left that was required: no end is known", () => {
  const facts = { state: "done", required: [], begun: [], openings: both };
  expect(downtimeOf(facts)).toEqual({ from: null, until: null });
});

const now = 1_000_000;
const record: Partial<AgentRecord> = {
  ...{ agent: "a2", version: "1.1.0", gate: "shut", lastSeenAt: now, blocked: null },
};

test.each([
  [{}, "its gate is shut"],
  [{ gate: "open" }, "its onOpen has not ended"],
  [{ version: "1.0.0" }, "it runs 1.0.0"],
  [{ blocked: "a full disk" }, "a full disk"],
  [{ lastSeenAt: now - limits.heartbeatStaleMs - 1 }, "it is silent"],
  [null, "it has no record"],
] as const)("an agent with %j", (facts, why) => {
  const records = facts === null ? [] : [{ ...record, ...facts } as AgentRecord];
  const known = { state: "done", required, openings: both.slice(0, 1) };
  expect(notServingOf(known, "1.1.0", records, now)).toEqual([{ agent: "a2", why }]);
  expect(notServingOf({ ...known, state: "migrating" }, "1.1.0", records, now)).toEqual([]);
});

const copy = { digest: "d", reason: null };
const none = {
  digest: null,
  reason: { code: "file-trouble", message: "not permitted", details: {} },
};

test.each([
  [{}, null],
  [{ a1: copy }, { made: 1, of: 2, missing: [] }],
  [
    { a1: copy, a2: none },
    { made: 1, of: 2, missing: [{ agent: "a2", why: "not permitted" }] },
  ],
  // An operator has forgotten a9 since.
  [
    { a1: copy, a2: copy, a9: copy },
    { made: 3, of: 3, missing: [] },
  ],
])("the copies %j", (copies, made) => {
  const machine = { agent: "m1", role: "machine" as const };
  expect(copiesMade({ copies, required: [...required, machine] })).toEqual(made);
});

const upgradeId = "u000002";
const figures = (step: string, batches: number, durationMs: number) => ({
  ...{ step, batches, durationMs, documents: 1 },
});
const context = {
  ...{ upgradeId, restoreOf: null },
  rehearsed: [figures("one", 4, 4_000), figures("index", 0, 6_000), figures("two", 10, 10_000)],
} as unknown as UpgradeContext;
const shown: ShownProgress = {
  ...{ epoch: 3, steps: 3, stepName: "two", operation: "applyToCollection things" },
  ...{ operationDocuments: 5_000, operationTotal: 10_000, documents: 9_000, workedMs: 30_000 },
  finished: false,
};
const place = { upgradeId, step: 2, operation: 0 };
const whole = {
  ...{ ...place, step: 3, batches: 14 },
  shown: { ...shown, documents: 14_000, finished: true },
};
const fence = (progress: object, rehearsal: object = whole): Fence =>
  ({ epoch: 4, progress: { ...place, batches: 9, shown, ...progress }, rehearsal }) as Fence;

test("the progress of a migration: by the totals and the times of its rehearsal, whoever runs it", () => {
  // 4 s + 6 s + half of 10 s are done, in twice the time: 5 s to 10 s are left, give or take.
  expect(stepsProgress("migrating", context, fence({}))).toEqual({
    ...{ step: 3, steps: 3, stepName: "two", operation: "applyToCollection things" },
    ...{ operationDocuments: 5_000, operationTotal: 10_000 },
    ...{ batches: 9, batchesTotal: 14, documents: 9_000, documentsTotal: 14_000 },
    documentsPerSecond: 300,
    etaMs: { least: 4_000, most: 12_500 },
  });
});

const unknown = { batchesTotal: null, documentsTotal: null, etaMs: null };
test.each([
  ["more batches than there can be", fence({ batches: 15 }), unknown],
  [
    "more documents than there can be",
    fence({ shown: { ...shown, documents: 14_001 } }),
    { ...unknown, documents: 14_001 },
  ],
  ["a rehearsal of another upgrade", fence({}, { ...whole, upgradeId: "u000001" }), unknown],
  ["a rehearsal that did not end", fence({}, { ...whole, shown }), unknown],
  ["nothing done yet", fence({ step: 0, batches: 0 }), { etaMs: { least: 16_000, most: 25_000 } }],
  ["all done", fence({ shown: { ...shown, finished: true } }), { etaMs: null }],
  [
    "a collection that has grown",
    fence({ shown: { ...shown, operationDocuments: 10_001 } }),
    { operationTotal: null },
  ],
  ["no time yet", fence({ shown: { ...shown, workedMs: 0 } }), { documentsPerSecond: null }],
])("%s", (_, of, expected) => {
  expect(stepsProgress("migrating", context, of)).toMatchObject(expected);
});

test.each([
  ["another upgrade's", "migrating", fence({ upgradeId: "u000001" })],
  ["one without figures", "migrating", fence({ shown: undefined })],
  ["a broken one", "migrating", fence({ shown: { ...shown, documents: "many" } })],
  ["a rehearsal that a dead master began", "rehearsing", fence({})],
  ["none of its state", "awaiting-peers", fence({})],
  ["none at all", "migrating", undefined],
])("%s is not shown", (_, state, of) => {
  expect(stepsProgress(state, context, of)).toBe(null);
});

test("a rehearsal has no totals but those of its collections", () => {
  const rehearsal = { ...place, step: 1, batches: 9, shown: { ...shown, epoch: 4 } };
  const before = { ...context, rehearsed: [] };
  expect(stepsProgress("rehearsing", before, fence({}, rehearsal))).toMatchObject({
    ...{ step: 2, steps: 3, ...unknown, operationTotal: 10_000, documentsPerSecond: 300 },
  });
});
