// Aim: each rule by which one side learns from the other, with its whole event and key, and each
// condition of it by itself. Method: views of journals made by the real core, one fact bent at a time.
import { describe, expect, test } from "vitest";
import type { AgentEvent, ParticipantContext } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { viewOf } from "../../../src/upgrade/fleet-journal.ts";
import {
  type ActorView,
  fromCoordinator,
  fromParticipant,
  fromProgress,
  fromRecords,
} from "../../../src/upgrade/protocol/derive.ts";
import { isEligible } from "../../../src/upgrade/protocol/master-eligibility.ts";
import { coordinator, from, participant, reason, record, to } from "./facts.ts";

const place = (batches: number) => ({ step: 0, operation: 0, batches });

const backup = { time: "1:1", foreignWrites: "prevented", digest: "d", catalogue: "c" } as const;
const plan = { hash: "h", schemaSteps: 1, protocol: 1 };
const started: AgentEvent = {
  ...{ type: "started", version: to, incarnation: 2, ...plan },
  cannotStart: null,
};
const [base] = coordinator([]);
const [own] = participant("a1", [started, { type: "gateShut" }]).slice(-1);
const upgrade = viewOf<UpgradeContext>(base as NonNullable<typeof base>);
const agent = viewOf<ParticipantContext>(own as NonNullable<typeof own>);
const at = (state: string, more: Partial<UpgradeContext> = {}): ActorView<UpgradeContext> => ({
  ...upgrade,
  ...{ state, revision: 7 },
  context: { ...upgrade.context, ...(state === "waiting" ? {} : { ready: ready(2) }), ...more },
});
const of = (
  state: string,
  more: Partial<ParticipantContext> = {},
): ActorView<ParticipantContext> => ({
  ...agent,
  ...{ state, revision: 5, context: { ...agent.context, ...more } },
});
const key = (type: string) => `participant/a1/u000002@5:${type}`;
const ready = (incarnation: number) => ({ a1: { incarnation, ...plan } });
const failed = {
  event: { type: "participantFailed", agent: "a1", reason },
  key: key("participantFailed"),
};
const reported = {
  event: { type: "participantReady", agent: "a1", incarnation: 2, ...plan },
  key: key("participantReady"),
};
const copied = {
  event: { type: "copyReported", agent: "a1", time: "1:1", digest: "d", reason: null },
  key: key("copyReported"),
};
const voted = {
  event: { type: "participantVoted", agent: "a1" },
  key: key("participantVoted"),
};
const others = { ...plan, hash: "x" };
const ofOthers = (running: string) => of("awaiting-peers", { plan: others, running });
const differing = {
  event: {
    ...{ type: "participantFailed", agent: "a1" },
    reason: expect.objectContaining({ code: "steps-differ" }),
  },
  key: key("participantFailed"),
};
const undone = {
  event: { type: "participantUndone", agent: "a1" },
  key: key("participantUndone"),
};
const copy = { copy: { digest: "d", reason: null }, backup };

describe("the coordinator, from a participant", () => {
  const me = record("a1", { incarnation: 2, gate: "shut" });
  test.each<[string, ActorView<UpgradeContext>, ActorView<ParticipantContext>, readonly object[]]>([
    ["ready", at("waiting"), of("waiting"), [reported]],
    ["failed", at("waiting"), of("waiting", { reason }), [failed]],
    ["turned back", at("waiting"), of("rolling-back"), []],
    ["its gate is not shut by its own word", at("waiting"), of("waiting", { gateShut: false }), []],
    ["no plan", at("waiting"), of("waiting", { plan: null }), []],
    ["on the old version", at("waiting"), of("waiting", { running: from }), []],
    ["known", at("waiting", { ready: ready(2) }), of("waiting"), []],
    ["a newer process", at("waiting", { ready: ready(1) }), of("waiting"), [reported]],
    ["not required", at("waiting", { required: [] }), of("waiting", { reason }), []],
    ["a copy", at("backing-up", { backup }), of("backing-up", copy), [copied]],
    [
      "a copy, and failed",
      at("backing-up", { backup }),
      of("x", { ...copy, reason }),
      [failed, copied],
    ],
    ["failed", at("backing-up"), of("waiting", { reason }), [failed]],
    ["another build in waiting", at("waiting"), of("backing-up", { plan: others }), []],
    ["another build, back on the old version", at("backing-up"), ofOthers(from), []],
    ["no copy", at("backing-up", { backup }), of("backing-up", { backup }), []],
    ["no time", at("backing-up"), of("backing-up", copy), []],
    ["no time on either side", at("backing-up"), of("backing-up", { ...copy, backup: null }), []],
    [
      "a copy that is known",
      at("backing-up", { backup, copies: { a1: copy.copy } }),
      of("backing-up", copy),
      [],
    ],
    ["of no time", at("backing-up", { backup }), of("backing-up", { ...copy, backup: null }), []],
    ...["rehearsing", "migrating", "paused", "awaiting-peers"].flatMap(
      (
        state,
      ): [
        string,
        ActorView<UpgradeContext>,
        ActorView<ParticipantContext>,
        readonly object[],
      ][] => [
        [`failed in ${state}`, at(state), of("awaiting-peers", { reason }), [failed]],
        [`another build in ${state}`, at(state), ofOthers(to), [differing]],
        [`a vote in ${state}`, at(state), of("awaiting-peers"), [voted]],
        [
          `none of the old version in ${state}`,
          at(state),
          of("awaiting-peers", { running: from }),
          [],
        ],
        [`none yet in ${state}`, at(state), of("migrating"), []],
        [`a vote known in ${state}`, at(state, { voted: ["a1"] }), of("awaiting-peers"), []],
        [`a copy in ${state}`, at(state, { backup }), of("backing-up", copy), []],
      ],
    ),
    ...["rolling-back", "blocked"].flatMap(
      (
        state,
      ): [
        string,
        ActorView<UpgradeContext>,
        ActorView<ParticipantContext>,
        readonly object[],
      ][] => [
        [`back in ${state}`, at(state), of("rolled-back"), [undone]],
        [`not yet in ${state}`, at(state), of("rolling-back", { reason }), []],
        [`known in ${state}`, at(state, { undone: ["a1"] }), of("rolled-back"), []],
      ],
    ),
    ["done", at("done"), of("awaiting-peers", { reason }), []],
    ["rolled back", at("rolled-back"), of("rolled-back", { reason }), []],
  ])("%s", (_name, known, theirs, expected) => {
    expect(fromParticipant(known, theirs, me)).toEqual(expected);
  });
  test("ready only by a record of this very process with its gate shut", () => {
    for (const other of [undefined, { ...me, incarnation: 3 }, { ...me, gate: "open" as const }]) {
      expect(fromParticipant(at("waiting"), of("waiting"), other)).toEqual([]);
    }
  });
});

describe("the coordinator, from the records", () => {
  const gates = (...states: ("open" | "shut")[]) =>
    states.map((gate, index) => record(`a${index + 1}`, { gate }));
  const silent =
    (...names: string[]) =>
    ({ agent: name }: { agent: string }) =>
      names.includes(name) ? ("absent" as const) : ("heard" as const);
  const silence = (name: string) => ({
    event: { type: "participantSilent", agent: name },
    key: `upgrade/u000002@7:absent:${name}`,
  });
  const heard = (name: string) => ({
    event: { type: "participantHeard", agent: name },
    key: `upgrade/u000002@7:heard:${name}`,
  });
  const shut = { event: { type: "gatesShut" }, key: "gatesShut" };
  const absent = (name: string) => ({
    event: { type: "participantAbsent", agent: name },
    key: `absent:${name}@7`,
  });
  test.each<[string, ActorView<UpgradeContext>, ("open" | "shut")[], string[], readonly object[]]>([
    ["all shut", at("waiting"), ["shut", "shut"], [], [shut]],
    ["one open", at("waiting"), ["shut", "open"], [], []],
    ["one open that is away", at("waiting"), ["shut", "open"], ["a2"], [shut, silence("a2")]],
    ["known", at("waiting", { gatesShut: true }), ["shut", "shut"], [], []],
    ["away while it goes forward", at("migrating"), ["shut", "shut"], ["a2"], [silence("a2")]],
    ["known as silent", at("migrating", { silent: ["a2"] }), ["shut", "shut"], ["a2"], []],
    ["heard again", at("migrating", { silent: ["a2"] }), ["shut", "shut"], [], [heard("a2")]],
    ["without a record, forward", at("migrating"), ["shut"], [], [silence("a2")]],
    [
      "away after its vote",
      at("awaiting-peers", { voted: ["a2"] }),
      ...([["shut", "shut"], ["a2"], []] as [("open" | "shut")[], string[], readonly object[]]),
    ],
    ["at the end, whoever is away", at("done"), ["shut", "shut"], ["a2"], []],
    ["away on the way back", at("rolling-back"), ["shut", "shut"], ["a2"], [absent("a2")]],
    ["away while blocked", at("blocked"), ["shut", "shut"], ["a1"], [absent("a1")]],
    ["without a record", at("blocked"), ["shut"], [], [absent("a2")]],
    ["all there", at("blocked"), ["shut", "shut"], [], []],
    ["known as away", at("blocked", { debtors: ["a2"] }), ["shut", "shut"], ["a2"], []],
    ["back before it went", at("blocked", { undone: ["a2"] }), ["shut", "shut"], ["a2"], []],
    ["not required", at("blocked", { required: [] }), ["shut", "shut"], ["a2"], []],
  ])("%s", (_name, known, states, away, expected) => {
    expect(fromRecords(known, gates(...states), silent(...away))).toEqual(expected);
  });
});

test("progress counts from a quarter of its deadline on, once there is any, while migrating", () => {
  const migrating = at("migrating", {
    deadlines: { ...upgrade.context.deadlines, noProgressMs: 400 },
  });
  const seen = { event: { type: "progressSeen", sequence: 3 }, key: "progress:0/0/3" };
  const after = (elapsedMs: number) => fromProgress(migrating, place(3), migrating.at + elapsedMs);
  expect(after(99)).toEqual([]);
  expect(after(100)).toEqual([seen]);
  expect(fromProgress(migrating, place(0), migrating.at + 100)).toEqual([]);
  // An upgrade of definitions alone has no batch.
  const defined = fromProgress(
    migrating,
    { step: 1, operation: 0, batches: 0 },
    migrating.at + 100,
  );
  expect(defined).toMatchObject([{ key: "progress:1/0/0" }]);
  expect(fromProgress({ ...migrating, state: "rehearsing" }, place(3), 10_000)).toEqual([]);
});

describe("a participant, from its coordinator", () => {
  const told = (event: AgentEvent) => [{ event, key: `upgrade/u000002@7:${event.type}` }];
  const copyAsked = told({ type: "copyAsked", backup });
  const stepsAsked = told({ type: "localStepsAsked" });
  const committed = told({ type: "committed" });
  const turnBack = told({ type: "turnBackAsked" });
  test.each<[ActorView<ParticipantContext>, ActorView<UpgradeContext>, readonly object[]]>([
    [of("waiting"), at("waiting", { backup }), []],
    [of("waiting"), at("backing-up", { backup }), copyAsked],
    [of("waiting"), at("backing-up"), []],
    [of("waiting", { role: "machine" }), at("backing-up", { backup }), []],
    [of("backing-up", { backup }), at("backing-up", { backup }), []],
    [
      of("backing-up", { backup: { ...backup, time: "0:1" } }),
      at("backing-up", { backup }),
      copyAsked,
    ],
    [of("migrating"), at("backing-up", { backup }), []],
    [of("rolling-back"), at("backing-up", { backup }), []],
    [of("waiting"), at("rehearsing", { backup }), []],
    [of("waiting"), at("migrating", { backup }), []],
    [of("waiting"), at("awaiting-peers"), stepsAsked],
    [of("backing-up"), at("awaiting-peers"), stepsAsked],
    [of("migrating"), at("awaiting-peers"), []],
    [of("awaiting-peers"), at("awaiting-peers"), []],
    [of("awaiting-peers"), at("done"), committed],
    [of("waiting", { late: true }), at("done"), []],
    ...["rolling-back", "blocked", "rolled-back"].flatMap(
      (state): [ActorView<ParticipantContext>, ActorView<UpgradeContext>, readonly object[]][] => [
        [of("migrating"), at(state), turnBack],
        [of("rolling-back", { turnedBack: true }), at(state), []],
      ],
    ),
    // A late comer changes its version first.
    ...[{ running: from }, { leaving: true }].flatMap(
      (late): [ActorView<ParticipantContext>, ActorView<UpgradeContext>, readonly object[]][] => [
        [of("waiting", late), at("backing-up", { backup }), []],
        [of("waiting", late), at("awaiting-peers"), []],
      ],
    ),
    [of("waiting"), at("unheard-of"), []],
  ])("$0.state of $1.state", (mine, theirs, expected) => {
    expect(fromCoordinator(mine, theirs)).toEqual(expected);
  });
});

describe("who may be master", () => {
  const held = { digest: "d", reason: null };
  const restoreOf = { backupId: "b", digest: "d", holders: ["a2"] };
  const copies = { a2: held };
  const nobody = { ready: {} };
  const both = { ready: { a1: { incarnation: 1, ...plan } } };
  const all = { ready: { ...both.ready, a2: { incarnation: 1, ...plan } } };
  test.each<[string, ActorView<UpgradeContext> | undefined, string, string[], boolean]>([
    ["no upgrade", undefined, from, [], true],
    ["waiting", at("waiting"), from, [], true],
    ["on the old version, while another can go on", at("migrating", all), from, [], false],
    [
      "on the old version, and nobody is left on the new one",
      at("migrating", both),
      from,
      [],
      true,
    ],
    ["on the old version, who can go on is away", at("migrating", all), from, ["a2"], true],
    ["on the new one, never ready", at("migrating", nobody), to, [], false],
    ["ready on the new one", at("migrating", both), to, [], true],
    ["ready, for the copies", at("backing-up", both), to, [], true],
    ["ready, for the votes", at("awaiting-peers", both), to, [], true],
    ["a rehearsal needs a copy", at("rehearsing", { ...all, copies }), to, [], false],
    ["who holds it could not lead", at("rehearsing", { ...both, copies }), to, [], true],
    ["a rehearsal, its copy away", at("rehearsing", { ...all, copies }), to, ["a2"], true],
    [
      "a rehearsal on its own copy",
      at("rehearsing", { ...both, copies: { a1: held } }),
      to,
      [],
      true,
    ],
    [
      "never ready for a rehearsal",
      at("rehearsing", { ...nobody, copies: { a1: held } }),
      to,
      [],
      false,
    ],
    ["a restore by hand needs its backup", at("migrating", { ...all, restoreOf }), to, [], false],
    ["its holder could not lead", at("migrating", { ...both, restoreOf }), to, [], true],
    ["its holder away", at("migrating", { ...all, restoreOf }), to, ["a2"], true],
    ["never ready for it", at("migrating", { ...nobody, restoreOf }), to, ["a2"], false],
    ["on the way back, nothing touched", at("rolling-back", { copies }), from, [], true],
    ["touched", at("rolling-back", { touched: true, copies }), from, [], false],
    ["touched and blocked", at("blocked", { touched: true, copies }), from, [], false],
    ["its copy away", at("blocked", { touched: true, copies }), from, ["a2"], true],
    ["restored", at("blocked", { touched: true, copies, restored: true }), from, [], true],
    ["its own copy", at("blocked", { touched: true, copies: { a1: held } }), from, [], true],
    ["done", at("done", { copies, touched: true }), from, [], true],
    ["rolled back", at("rolled-back", { copies, touched: true }), from, [], true],
  ])("%s", (_name, known, version, away, expected) => {
    const versionOf = (name: string) => (away.includes(name) ? null : name === "a1" ? version : to);
    expect(isEligible(known, { agent: "a1", version, versionOf })).toBe(expected);
  });
});
