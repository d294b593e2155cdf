// Aim: what each event does to the coordinator in each state on the way there: where it leads, what it
// notes, what it asks for. Method: a table over the pure machine, to the letter.
import { describe, expect, test } from "vitest";
import { upgradeMachine } from "../../machines/upgrade.ts";
import type { UpgradeEvent } from "../../machines/upgrade-context.ts";
import { play } from "./play.ts";
import {
  abort,
  ask,
  awaiting,
  backingUp,
  backup,
  byAgent,
  choose,
  chosen,
  copy,
  deadline,
  effectFailed,
  ends,
  event,
  figures,
  gone,
  heard,
  input,
  migrating,
  names,
  of,
  participantFailed,
  passed,
  prose,
  type Row,
  ready,
  reason,
  rehearsing,
  silence,
  timeout,
  timer,
  tooOld,
  untouched,
  verify,
  versions,
  wayBack,
  work,
} from "./upgrade-ways.ts";

test("at first it accepts, and knows nothing", () => {
  expect(play(upgradeMachine, input, [])).toMatchObject({
    state: "waiting",
    asked: [ask("accept", versions), ...timer(1)],
    context: {
      ...input,
      ...{ ready: {}, gatesShut: false, backup: null, copies: {}, momentsGone: 0 },
      differed: null,
      ...{
        expected: null,
        rehearsed: [],
        growthBytes: null,
        touched: false,
        pause: null,
        voted: [],
      },
      ...{
        silent: [],
        verifying: false,
        verified: false,
        restored: false,
        undone: [],
        debtors: [],
        excluded: [],
      },
      ...{ reason: null, blockedReason: null, foreignWritesAccepted: false },
    },
  });
});

const forward: readonly Row[] = [
  [
    "one is ready",
    [],
    ready("a1"),
    "waiting",
    { ready: { a1: { incarnation: 1, hash: "h", schemaSteps: 1, protocol: 1 } } },
  ],
  ["gates shut", [], event("gatesShut"), "waiting", { gatesShut: true }],
  [
    "all ready",
    backingUp.slice(0, -1),
    event("gatesShut"),
    "backing-up",
    { gatesShut: true },
    choose,
  ],
  [
    "all ready, without schema steps",
    [ready("a1", { schemaSteps: 0 }), ready("a2", { schemaSteps: 0 })],
    event("gatesShut"),
    "awaiting-peers",
    { gatesShut: true, verified: true },
    [...timer(4)],
  ],
  ["the time", backingUp, event("backupTimeChosen", { backup }), "backing-up", { backup }],
  [
    "the time, with early writes",
    backingUp,
    event("backupTimeChosen", { backup, earlyWrites: ["early"] }),
    "backing-up",
    { backup, earlyWrites: ["early"] },
  ],
  ["a copy", chosen, copy("a1"), "backing-up", { copies: { a1: { digest: "d", reason: null } } }],
  ["a copy of another time", chosen, copy("a1", { time: "0:1" }), "backing-up", {}],
  ["a copy before any time", backingUp, copy("a1"), "backing-up", {}],
  [
    "copies agree",
    [...chosen, copy("a1")],
    copy("a2"),
    "rehearsing",
    { copies: { a1: { digest: "d", reason: null }, a2: { digest: "d", reason: null } } },
    [ask("rehearse", work(null, names))],
  ],
  [
    "a time that is gone: a new one",
    [...chosen, copy("a1")],
    copy("a2", { digest: null, reason: gone }),
    "backing-up",
    { backup: null, copies: {}, momentsGone: 1 },
    choose,
  ],
  [
    "another time that is gone",
    chosen,
    copy("a2", { time: "0:1", digest: null, reason: gone }),
    "backing-up",
    {},
  ],
  [
    "rehearsed",
    rehearsing,
    passed,
    "migrating",
    { expected: "e", rehearsed: figures, growthBytes: 7, touched: true },
    [...timer(6), ask("migrate", work(7, names))],
  ],
  ["progress", migrating, event("progressSeen", { sequence: 1 }), "migrating", {}, [...timer(6)]],
  [
    "the live data had changed: a new time",
    migrating,
    event("liveDataDiffers", { reason }),
    "backing-up",
    { backup: null, copies: {}, momentsGone: 1, touched: false, differed: reason },
    choose,
  ],
  ["migrated", migrating, event("migrationDone"), "awaiting-peers", {}, [...timer(4)]],
  [
    "a vote",
    awaiting,
    of("participantVoted", "a1"),
    "awaiting-peers",
    { voted: ["a1"] },
    [heard("a1")],
  ],
  [
    "a vote counts once",
    [...awaiting, of("participantVoted", "a1")],
    of("participantVoted", "a1"),
    "awaiting-peers",
    {},
    [heard("a1")],
  ],
  [
    "everyone has voted: a last look at the live data",
    [...awaiting, of("participantVoted", "a1")],
    of("participantVoted", "a2"),
    "awaiting-peers",
    { voted: names, verifying: true },
    [heard("a2"), ...verify("e", backup)],
  ],
  [
    "verified",
    [...awaiting, of("participantVoted", "a1"), of("participantVoted", "a2")],
    event("liveDataVerified"),
    "done",
    { verified: true },
    [ask("commit", versions), ...ends],
  ],
  [
    "without schema steps nothing is looked at again",
    [ready("a1", { schemaSteps: 0 }), ready("a2", { schemaSteps: 0 }), event("gatesShut")].concat(
      of("participantVoted", "a1"),
    ),
    of("participantVoted", "a2"),
    "done",
    { voted: names },
    [heard("a2"), ask("commit", versions), ...ends],
  ],
  [
    "an agent that is forgotten need not vote",
    [...awaiting, of("participantVoted", "a1")],
    of("agentForgotten", "a2"),
    "awaiting-peers",
    { required: [{ agent: "a1", role: "state-server" }], excluded: ["a2"], verifying: true },
    [heard("a2"), ...verify("e", backup)],
  ],
  [
    "an agent is silent: it has a deadline of its own",
    migrating,
    of("participantSilent", "a2"),
    "migrating",
    { silent: ["a2"] },
    [...silence("a2")],
  ],
  [
    "it is heard again",
    [...migrating, of("participantSilent", "a2")],
    of("participantHeard", "a2"),
    "migrating",
    { silent: [] },
    [heard("a2")],
  ],
  [
    "a vote ends its silence",
    [...awaiting, of("participantSilent", "a1")],
    of("participantVoted", "a1"),
    "awaiting-peers",
    { silent: [], voted: ["a1"] },
    [heard("a1")],
  ],
  [
    "a silent agent is forgotten",
    [...migrating, of("participantSilent", "a2")],
    of("agentForgotten", "a2"),
    "migrating",
    { required: [{ agent: "a1", role: "state-server" }], excluded: ["a2"], silent: [] },
    [heard("a2")],
  ],
];

const turns: readonly Row[] = [
  [
    "steps that differ",
    [ready("a1")],
    ready("a2", { hash: "x" }),
    "rolling-back",
    {
      ready: {
        a1: { incarnation: 1, hash: "h", schemaSteps: 1, protocol: 1 },
        a2: { incarnation: 1, hash: "x", schemaSteps: 1, protocol: 1 },
      },
      reason: { code: "steps-differ", message: prose, details: { differences: [], unheard: [] } },
    },
    wayBack(untouched),
  ],
  [
    "not ready in time",
    [ready("a1")],
    deadline,
    "rolling-back",
    { reason: timeout({ missing: ["a2"], gatesShut: false }) },
    wayBack(untouched),
  ],
  [
    "copies that differ",
    [...chosen, copy("a1")],
    copy("a2", { digest: "x" }),
    "rolling-back",
    {
      copies: { a1: { digest: "d", reason: null }, a2: { digest: "x", reason: null } },
      reason: { code: "backup-mismatch", message: prose, details: { copies: expect.anything() } },
    },
    wayBack({ touched: false }),
  ],
  [
    "the third time is gone",
    [...chosen, tooOld, ...chosen.slice(-1), tooOld, ...chosen.slice(-1)],
    tooOld,
    "rolling-back",
    {
      copies: { a1: { digest: null, reason: gone } },
      reason: { code: "moment-gone", message: prose, details: { copies: expect.anything() } },
    },
    wayBack({ touched: false, holders: [] }),
  ],
  [
    "no backup in time",
    [...chosen, copy("a1")],
    deadline,
    "rolling-back",
    { reason: timeout({ missing: ["a2"] }) },
    wayBack({ touched: false, holders: ["a1"] }),
  ],
  [
    "an agent is silent for too long",
    [...migrating, of("participantSilent", "a2")],
    of("silentTooLong", "a2"),
    "rolling-back",
    { reason: { code: "agent-silent", message: prose, details: { agent: "a2" } } },
    wayBack(),
  ],
  [
    "a rehearsal that failed",
    rehearsing,
    event("rehearsalFailed", { reason }),
    "rolling-back",
    { reason },
    wayBack({ touched: false }),
  ],
  [
    "no rehearsal in time",
    rehearsing,
    deadline,
    "rolling-back",
    { reason: timeout({ missing: [] }) },
    wayBack({ touched: false }),
  ],
  [
    "a migration that failed",
    migrating,
    event("migrationFailed", { reason }),
    "rolling-back",
    { reason },
    wayBack(),
  ],
  ["no batch in time", migrating, deadline, "rolling-back", { reason: timeout({}) }, wayBack()],
  [
    "not all voted in time",
    [...awaiting, of("participantVoted", "a2")],
    deadline,
    "rolling-back",
    { reason: timeout({ missing: ["a1"] }) },
    wayBack(),
  ],
];

/** The events that turn back from any state before the commit point. */
const anywhere: readonly Row[] = [
  ["waiting", [], untouched] as const,
  ["backing-up", backingUp, untouched] as const,
  ["rehearsing", rehearsing, { touched: false }] as const,
  ["migrating", migrating, {}] as const,
  ["awaiting-peers", awaiting, {}] as const,
].flatMap(([state, way, more]) => {
  const aborted = { code: "aborted", message: "aborted by an operator: a test", details: {} };
  const causes: [UpgradeEvent, object][] = [
    [abort, aborted],
    [participantFailed, byAgent],
    ...(state === "waiting" ? [] : [[effectFailed, reason] satisfies [UpgradeEvent, object]]),
  ];
  const excluded = ["a2", "a1"];
  const forNobody = { code: "peers-missing", message: prose, details: { excluded } };
  return [
    ...causes.map(([cause, why]): Row => {
      const name = `${cause.type} in ${state}`;
      return [name, way, cause, "rolling-back", { reason: why }, wayBack(more)];
    }),
    [
      `the last one is forgotten in ${state}`,
      [...way, of("agentForgotten", "a2")],
      of("agentForgotten", "a1"),
      "rolling-back",
      { required: [], excluded, reason: forNobody },
      [heard("a1"), ...wayBack(more)],
    ] satisfies Row,
  ];
});

describe.each<[string, readonly Row[]]>([
  ["forward", forward],
  ["turning back", [...turns, ...anywhere]],
])("%s", (_direction, rows) => {
  test.each(rows)("%s", (_name, before, last, state, changed, asked = []) => {
    const played = play(upgradeMachine, input, [...before, last]);
    expect([played.state, played.changed, played.asked]).toEqual([state, changed, asked]);
  });
});

test("the live data had changed three times: no new time", () => {
  const differs = event("liveDataDiffers", { reason });
  const again = [...migrating.slice(backingUp.length), differs];
  const played = play(upgradeMachine, input, [...backingUp, ...again, ...again, ...again]);
  expect(played).toMatchObject({ state: "rolling-back", changed: { reason }, asked: wayBack() });
});

test("a restore by hand works on the backup that its holders have", () => {
  const restoreOf = { backupId: "b", digest: "d", holders: ["a2"] };
  const played = play(upgradeMachine, { ...input, restoreOf }, migrating);
  expect(played.asked.at(-1)?.params).toMatchObject({ restoreOf, holders: ["a2"] });
});
