// Aim: what each event does to the coordinator on the way back, and while it is blocked. Method: a
// table over the pure machine, to the letter.
import { expect, test } from "vitest";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { play } from "./play.ts";
import {
  ask,
  back,
  blocked,
  deadline,
  disarm,
  effectFailed,
  ends,
  event,
  heard,
  input,
  of,
  type Row,
  reason,
  retry,
  versions,
  wayBack,
} from "./upgrade-ways.ts";

const backwards: readonly Row[] = [
  ["restored", back, event("dataRestored", { digest: "d" }), "rolling-back", { restored: true }],
  [
    "nothing to restore, and early writes",
    back,
    event("dataRestored", { digest: null, earlyWrites: ["early"] }),
    "rolling-back",
    { restored: true, earlyWrites: ["early"] },
  ],
  ["one is back", back, of("participantUndone", "a1"), "rolling-back", { undone: ["a1"] }],
  [
    "who is back counts once",
    [...back, of("participantUndone", "a1")],
    of("participantUndone", "a1"),
    "rolling-back",
    {},
  ],
  ["one is away", back, of("participantAbsent", "a2"), "rolling-back", { debtors: ["a2"] }],
  [
    "who is away counts once",
    [...back, of("participantAbsent", "a2")],
    of("participantAbsent", "a2"),
    "rolling-back",
    {},
  ],
  [
    "who is back and then away owes nothing",
    [...back, of("participantUndone", "a1")],
    of("participantAbsent", "a1"),
    "rolling-back",
    {},
  ],
  [
    "who was away and is back owes nothing any more",
    [...back, of("participantAbsent", "a1"), of("participantAbsent", "a2")],
    of("participantUndone", "a2"),
    "rolling-back",
    { undone: ["a2"], debtors: ["a1"] },
  ],
  [
    "who is not back in time owes it",
    [...back, of("participantUndone", "a1")],
    deadline,

    "rolling-back",
    { debtors: ["a2"] },
  ],
  [
    "settled",
    [...back, of("participantUndone", "a1"), of("participantAbsent", "a2")],
    event("dataRestored", { digest: "d" }),
    "rolled-back",
    { restored: true },
    [ask("endRollBack", { ...versions, debtors: ["a2"] }), ...ends],
  ],
  [
    "who is forgotten owes nothing",
    [...back, of("participantUndone", "a1"), of("participantAbsent", "a2")],
    of("agentForgotten", "a2"),
    "rolling-back",
    { required: [{ agent: "a1", role: "state-server" }], excluded: ["a2"], debtors: [] },
    [heard("a2")],
  ],
  [
    "another one still owes",
    [...back, of("participantAbsent", "a1"), of("participantAbsent", "a2")],
    of("agentForgotten", "a2"),
    "rolling-back",
    { required: [{ agent: "a1", role: "state-server" }], excluded: ["a2"], debtors: ["a1"] },
    [heard("a2")],
  ],
  [
    "a second one is forgotten",
    [...back, of("agentForgotten", "a2")],
    of("agentForgotten", "a1"),
    "rolling-back",
    { required: [], excluded: ["a2", "a1"] },
    [heard("a1")],
  ],
  [
    "a copy lost: another one",
    back,
    event("copyLost", { agent: "a1", reason }),
    "rolling-back",
    { copies: { a1: { digest: null, reason }, a2: { digest: "d", reason: null } } },
    wayBack({ holders: ["a2"] }),
  ],
  [
    "the last copy lost",
    [...back, event("copyLost", { agent: "a1", reason })],
    event("copyLost", { agent: "a2", reason }),
    "blocked",
    { blockedReason: reason },
    [disarm("deadline")],
  ],
  [
    "a restore that failed",
    back,
    event("restoreFailed", { reason }),
    "blocked",
    { blockedReason: reason },
    [disarm("deadline")],
  ],
  [
    "an effect that failed",
    back,
    effectFailed,
    "blocked",
    { blockedReason: reason },
    [disarm("deadline")],
  ],
  ["back while blocked", blocked, of("participantUndone", "a1"), "blocked", { undone: ["a1"] }],
  ["away while blocked", blocked, of("participantAbsent", "a1"), "blocked", { debtors: ["a1"] }],
  ["a retry", blocked, retry, "rolling-back", {}, wayBack()],
  [
    "a retry looks for each copy again, on every host: one may have been brought back",
    [
      ...[...back, event("copyLost", { agent: "a1", reason })],
      event("copyLost", { agent: "a2", reason }),
    ],
    retry,
    "rolling-back",
    { copies: { a1: { digest: "d", reason: null }, a2: { digest: "d", reason: null } } },
    wayBack(),
  ],
  [
    "restored after a retry: nothing blocks any more",
    [...blocked, retry],
    event("dataRestored", { digest: "d" }),
    "rolling-back",
    { restored: true, blockedReason: null },
  ],
  [
    "a retry of who has read of foreign writes accepts their loss",
    [...back, event("restoreFailed", { reason: { ...reason, code: "foreign-writes" } })],
    retry,
    "rolling-back",
    { foreignWritesAccepted: true },
    wayBack({ acceptForeignWrites: true }),
  ],
  [
    "and has accepted it for good",
    [
      ...[
        ...back,
        event("restoreFailed", { reason: { ...reason, code: "foreign-writes" } }),
        retry,
      ],
      event("restoreFailed", { reason }),
    ],
    retry,
    "rolling-back",
    {},
    wayBack({ acceptForeignWrites: true }),
  ],
];

test.each(backwards)("%s", (_name, before, last, state, changed, asked = []) => {
  const played = play(upgradeMachine, input, [...before, last]);
  expect([played.state, played.changed, played.asked]).toEqual([state, changed, asked]);
});
