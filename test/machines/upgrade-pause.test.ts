// Aim: what a pause and its end do to the coordinator: when it begins, what it stops and keeps up, and
// each way out of it. Method: a table over the pure machine, to the letter.
import { expect, test } from "vitest";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { play } from "./play.ts";
import {
  abort,
  ask,
  awaiting,
  back,
  backingUp,
  backup,
  blocked,
  byAgent,
  choose,
  deadline,
  effectFailed,
  event,
  heard,
  input,
  migrating,
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
  upgradeId,
  versions,
  wayBack,
  work,
} from "./upgrade-ways.ts";

const pause = event("pauseRequested", { why: "a look" });
const resume = event("resumeRequested");
const stopped = event("migrationPaused");
const asked = [...migrating, pause];
const paused = [...asked, stopped];
const why = { pause: { why: "a look" } };
const keepHolds = [...timer(8), ask("keepHolds", { upgradeId, to: versions.to, backup })];
const goesOn = [
  ask("cancelEffects", { name: "keepHolds" }),
  ...timer(6),
  ask("migrate", work(7, ["a1", "a2"])),
];

const rows: readonly Row[] = [
  // Asked for before the migration, it begins there.
  ["in waiting", [], pause, "waiting", why],
  ["in backing-up", backingUp, pause, "backing-up", why],
  ["in rehearsing", rehearsing, pause, "rehearsing", why],
  [
    "rehearsed: the migration is asked for, and stops at once",
    [...rehearsing, pause],
    passed,
    "migrating",
    expect.objectContaining({ touched: true }),
    [...timer(6), ask("migrate", work(7, ["a1", "a2"]))],
  ],
  [
    "without schema steps there is nothing to pause",
    [pause, ready("a1", { schemaSteps: 0 }), ready("a2", { schemaSteps: 0 })],
    event("gatesShut"),
    "awaiting-peers",
    { gatesShut: true, verified: true, pause: null },
    [...timer(4)],
  ],
  ["in migrating: it works on to a safe point", migrating, pause, "migrating", why],
  ["the steps have stopped", asked, stopped, "paused", {}, keepHolds],
  [
    "the steps ended first: nothing goes forward",
    asked,
    event("migrationDone"),
    "paused",
    {},
    keepHolds,
  ],
  ["a batch before the safe point", asked, event("progressSeen"), "migrating", {}, [...timer(6)]],
  ["no safe point in time", asked, deadline, "rolling-back", { reason: timeout({}) }, wayBack()],
  [
    "the live data had changed before the first batch: a new time, and still a pause",
    asked,
    event("liveDataDiffers", { reason }),
    "backing-up",
    { backup: null, copies: {}, momentsGone: 1, touched: false, differed: reason },
    choose,
  ],
  // Withdrawn before it began.
  ["withdrawn in rehearsing", [...rehearsing, pause], resume, "rehearsing", { pause: null }],
  ["withdrawn in migrating", asked, resume, "migrating", { pause: null }],
  [
    "withdrawn as the steps have just stopped",
    [...asked, resume],
    stopped,
    "migrating",
    {},
    goesOn.slice(1),
  ],
  // The ways out of it.
  ["resumed", paused, resume, "migrating", { pause: null }, goesOn],
  ["paused again", [...paused, resume, pause], stopped, "paused", {}, keepHolds],
  [
    "for too long",
    paused,
    deadline,
    "rolling-back",
    { reason: timeout({ pausedMs: 8 }) },
    wayBack(),
  ],
  [
    "aborted",
    paused,
    abort,
    "rolling-back",
    { reason: { code: "aborted", message: prose, details: {} } },
    wayBack(),
  ],
  [
    "somebody else writes",
    paused,
    event("migrationFailed", { reason }),
    "rolling-back",
    { reason },
    wayBack(),
  ],
  ["the holds cannot be kept", paused, effectFailed, "rolling-back", { reason }, wayBack()],
  ["an agent fails", paused, participantFailed, "rolling-back", { reason: byAgent }, wayBack()],
  [
    "an agent is silent",
    paused,
    of("participantSilent", "a2"),
    "paused",
    { silent: ["a2"] },
    [...silence("a2")],
  ],
  [
    "for too long",
    [...paused, of("participantSilent", "a2")],
    of("silentTooLong", "a2"),
    "rolling-back",
    { reason: { code: "agent-silent", message: prose, details: { agent: "a2" } } },
    wayBack(),
  ],
  [
    "nobody is left",
    [...paused, of("agentForgotten", "a1")],
    of("agentForgotten", "a2"),
    "rolling-back",
    expect.objectContaining({ required: [] }),
    [heard("a2"), ...wayBack()],
  ],
  // Where it has no place.
  ["twice", paused, pause, "paused", {}],
  ["a look at the progress", paused, event("progressSeen", { sequence: 1 }), "paused", {}],
  ["in awaiting-peers", awaiting, pause, "awaiting-peers", {}],
  ["in rolling-back", back, pause, "rolling-back", {}],
  ["in blocked", blocked, pause, "blocked", {}],
  ["resumed in awaiting-peers", awaiting, resume, "awaiting-peers", {}],
  ["resumed in rolling-back", [...paused, abort], resume, "rolling-back", {}],
];

test.each(rows)("%s", (_name, before, last, state, changed, effects = []) => {
  const played = play(upgradeMachine, input, [...before, last]);
  expect([played.state, played.changed, played.asked]).toEqual([state, changed, effects]);
});
