// Aim: each invariant of a transition is named when it is broken, and by nothing else. Method: one
// transition that breaks none, one fact bent at a time.
import { expect, test } from "vitest";
import { agentInvariants, upgradeInvariants } from "../../machines/invariants.ts";
import type { ParticipantContext } from "../../machines/participant-context.ts";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { coordinator, participant, reason } from "../upgrade/protocol/facts.ts";

const [first] = coordinator([]);
const upgrade = contextOf<UpgradeContext>(first as NonNullable<typeof first>);
const [own] = participant("a1", []);
const agent = contextOf<ParticipantContext>(own as NonNullable<typeof own>);
const plan = { incarnation: 1, hash: "h", schemaSteps: 1, protocol: 1 };
const ready = { ready: { a1: plan, a2: plan }, gatesShut: true };
const backup = { time: "1:1", foreignWrites: "prevented", digest: "d", catalogue: "c" } as const;
const voted = { verified: true, voted: ["a1", "a2"] };
const touched = { touched: true };
const pause = { why: "a look" };
const settled = { restored: true, undone: ["a1", "a2"] };

type UpgradeSide = readonly [state: string, more?: Partial<UpgradeContext>];

test.each<[UpgradeSide, UpgradeSide, string[]]>([
  [["waiting"], ["waiting"], []],
  [["waiting"], ["waiting", { upgradeId: "x" }], ["S3: the upgrade never changes"]],
  [["waiting"], ["waiting", { from: "x" }], ["S3: the upgrade never changes"]],
  [["waiting"], ["waiting", { to: "x" }], ["S3: the upgrade never changes"]],
  [["waiting"], ["waiting", { required: [] }], ["S3: the required set shrinks by exclusion only"]],
  [["waiting"], ["waiting", { required: [], excluded: ["a1", "a2"] }], []],
  [
    ["waiting"],
    ["waiting", { excluded: ["a1"] }],
    ["S3: the required set shrinks by exclusion only"],
  ],
  [["waiting"], ["backing-up", ready], []],
  [["waiting"], ["backing-up"], ["S5: everybody was ready alike"]],
  [["backing-up"], ["backing-up"], []],
  [["waiting"], ["backing-up", { ...ready, backup }], ["a new T takes new copies"]],
  [["backing-up", { backup }], ["backing-up", { backup }], []],
  [["backing-up", { backup }], ["rehearsing", { backup }], []],
  [["backing-up"], ["rehearsing"], ["S6: copies agreed before the rehearsal"]],
  [["rehearsing"], ["rehearsing"], []],
  [["rehearsing"], ["migrating", { touched: true }], []],
  [["rehearsing"], ["migrating"], ["migrating touches"]],
  [["migrating", touched], ["paused", { ...touched, pause }], []],
  [["paused", { ...touched, pause }], ["paused", { ...touched, pause }], []],
  [["paused", { ...touched, pause }], ["migrating", touched], []],
  [["migrating"], ["paused", { pause }], ["migrating touches"]],
  [["migrating", touched], ["paused", touched], ["paused as asked"]],
  [["rehearsing"], ["paused", { ...touched, pause }], ["paused within the migration"]],
  [["migrating", touched], ["awaiting-peers", { ...touched, pause }], ["a pause holds"]],
  [
    ["rolling-back"],
    ["paused", { ...touched, pause }],
    ["back is back", "paused within the migration"],
  ],
  [["migrating"], ["migrating", { touched: true }], []],
  [["backing-up"], ["migrating", { touched: true }], ["S6: rehearsed before the migration"]],
  [["rolling-back", settled], ["rolled-back", settled], []],
  [
    ["rolling-back"],
    ["rolled-back", { ...settled, restored: false }],
    ["S9: touched data is restored", "settled at the end"],
  ],
  [["rolling-back"], ["rolled-back", { restored: true }], ["settled at the end"]],
  [["rolled-back"], ["rolled-back"], []],
  [["done"], ["done"], []],
  [["done"], ["waiting"], ["S10: done is final"]],
  [["awaiting-peers"], ["done", voted], []],
  [["awaiting-peers"], ["done"], ["committed by votes"]],
  ...["rolling-back", "blocked", "rolled-back"].flatMap(
    (back): [UpgradeSide, UpgradeSide, string[]][] =>
      ["waiting", "awaiting-peers"].map((forward) => [[back], [forward], ["back is back"]]),
  ),
  [["rolling-back"], ["backing-up", ready], ["back is back"]],
  [["rolling-back"], ["rehearsing", { backup }], ["back is back"]],
  [
    ["rolling-back"],
    ["migrating", { touched: true }],
    ["S6: rehearsed before the migration", "back is back"],
  ],
  [["migrating", { touched: true }], ["migrating", { touched: true }], []],
  [["migrating", { touched: true }], ["awaiting-peers"], ["touched stays touched"]],
  [["migrating", { touched: true }], ["backing-up", ready], []],
  [["waiting"], ["rolling-back", { reason }], []],
  [["waiting"], ["rolling-back"], ["a roll-back has a reason"]],
  [["rolling-back"], ["blocked", { blockedReason: reason }], []],
  [["rolling-back"], ["blocked"], ["blocked has a reason"]],
  [["blocked"], ["blocked"], []],
])("the coordinator, %j to %j", ([from, old = {}], [to, now = {}], broken) => {
  const before = { state: from, context: { ...upgrade, ...old } };
  expect(upgradeInvariants(before, { state: to, context: { ...upgrade, ...now } })).toEqual(broken);
});

type AgentSide = readonly [state: string, more?: Partial<ParticipantContext>];

test.each<[AgentSide, string, AgentSide, string[]]>([
  [["waiting"], "any", ["waiting"], []],
  [["waiting"], "any", ["waiting", { agent: "x" }], ["S3: the upgrade never changes"]],
  [["waiting"], "any", ["waiting", { upgradeId: "x" }], ["S3: the upgrade never changes"]],
  [["waiting"], "any", ["waiting", { from: "x" }], ["S3: the upgrade never changes"]],
  [["waiting"], "any", ["waiting", { to: "x" }], ["S3: the upgrade never changes"]],
  [["awaiting-peers"], "committed", ["done"], []],
  [["awaiting-peers"], "turnBackAsked", ["rolling-back"], []],
  [["awaiting-peers"], "any", ["awaiting-peers"], []],
  [["awaiting-peers"], "any", ["done"], ["S12: a vote stands"]],
  [["done"], "any", ["done"], []],
  [["done"], "any", ["waiting"], ["S10: done is final"]],
  [["waiting", { turnedBack: true }], "any", ["waiting"], ["turned back stays so"]],
  [["waiting", { turnedBack: true }], "any", ["waiting", { turnedBack: true }], []],
  [["waiting"], "turnBackAsked", ["rolling-back"], []],
  [["waiting"], "any", ["rolling-back"], ["back only when asked"]],
  [["rolling-back"], "any", ["rolling-back"], []],
  [["blocked", { turnedBack: true }], "any", ["rolling-back", { turnedBack: true }], []],
  [["waiting", { late: true }], "turnBackAsked", ["rolling-back"], ["S10: late goes forward"]],
  [
    ["waiting", { late: true }],
    "any",
    ["rolled-back", { running: agent.from }],
    ["S10: late goes forward"],
  ],
  [["waiting", { late: true }], "any", ["migrating"], []],
  [["rolling-back"], "any", ["rolled-back", { running: agent.from }], []],
  [
    ["rolling-back"],
    "any",
    ["rolled-back", { running: agent.to }],
    ["on the old version at the end"],
  ],
  [["rolling-back"], "any", ["blocked", { reason }], []],
  [["rolling-back"], "any", ["blocked"], ["blocked has a reason"]],
  [["blocked"], "any", ["blocked"], []],
])("a participant, %j on %s to %j", ([from, old = {}], event, [to, now = {}], broken) => {
  const before = { state: from, context: { ...agent, ...old } };
  const after = { state: to, context: { ...agent, ...now } };
  expect(agentInvariants(before, after, event)).toEqual(broken);
});
