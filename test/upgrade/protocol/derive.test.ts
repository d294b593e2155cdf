// Aim: what each side learns from the other's journal: the right event, keyed by where it stands, and
// nothing that is known already. Method: journals made by the real core.

import { describe, expect, test } from "vitest";
import type { AgentEvent, ParticipantContext } from "../../../machines/participant-context.ts";
import type { UpgradeContext, UpgradeEvent } from "../../../machines/upgrade-context.ts";
import type { BackupPoint } from "../../../machines/vocabulary.ts";
import type { Entry } from "../../../src/journal/store.ts";
import { viewOf } from "../../../src/upgrade/fleet-journal.ts";
import {
  fromCoordinator,
  fromParticipant,
  fromProgress,
  fromRecords,
} from "../../../src/upgrade/protocol/derive.ts";
import { isEligible } from "../../../src/upgrade/protocol/master-eligibility.ts";
import { coordinator, from, hash, participant, reason, record, to, ways } from "./facts.ts";

const last = <Context>(entries: readonly Entry[]) => viewOf<Context>(entries.at(-1) as Entry);
const at = (state: string, more: readonly UpgradeEvent[] = []) =>
  last<UpgradeContext>(coordinator([...(ways[state] ?? []), ...more]));
const of = (events: readonly AgentEvent[], agent = "a1") =>
  last<ParticipantContext>(participant(agent, events));

const started = (version: string): AgentEvent => ({
  type: "started",
  version,
  incarnation: 2,
  hash,
  schemaSteps: 1,
  protocol: 1,
  cannotStart: null,
});
const backup: BackupPoint = {
  time: "1:1",
  foreignWrites: "only detected",
  digest: "d",
  catalogue: "c",
};
const shut: readonly AgentEvent[] = [started(to), { type: "gateShut" }];
const copied: readonly AgentEvent[] = [
  ...shut,
  { type: "copyAsked", backup },
  { type: "copyMade", digest: "d" },
];
const voted: readonly AgentEvent[] = [
  ...copied,
  { type: "localStepsAsked" },
  { type: "localStepsDone" },
  { type: "readinessPassed" },
];
const types = (derived: readonly { event: { type: string } }[]) =>
  derived.map(({ event }) => event.type);

const place = (batches: number) => ({ step: 0, operation: 0, batches });

describe("the coordinator, from a participant", () => {
  test("ready on the new version with its gate shut; once", () => {
    const me = record("a1", { version: to });
    const found = fromParticipant(at("waiting"), of(shut), me);
    expect(found).toEqual([
      {
        event: {
          type: "participantReady",
          agent: "a1",
          incarnation: 2,
          hash,
          schemaSteps: 1,
          protocol: 1,
        },
        key: "participant/a1/u000002@2:participantReady",
      },
    ]);
    const known = at("waiting", [found[0]?.event as UpgradeEvent]);
    expect(fromParticipant(known, of(shut), me)).toEqual([]);
  });
  test("not ready: on the old version, gate open, an older process, not required", () => {
    const me = record("a1", { version: to });
    expect(fromParticipant(at("waiting"), of([started(from)]), me)).toEqual([]);
    expect(fromParticipant(at("waiting"), of([started(to)]), me)).toEqual([]);
    const newer = record("a1", { version: to, incarnation: 3 });
    expect(fromParticipant(at("waiting"), of(shut), newer)).toEqual([]);
    expect(fromParticipant(at("waiting"), of(shut), undefined)).toEqual([]);
    expect(fromParticipant(at("waiting"), of(shut, "a9"), record("a9"))).toEqual([]);
  });
  test("a copy; a vote; an undo; a failure", () => {
    const chosen = at("backing-up", [{ type: "backupTimeChosen", backup }]);
    expect(types(fromParticipant(chosen, of(copied), undefined))).toEqual(["copyReported"]);
    const later = { ...backup, time: "2:1" };
    const again = at("backing-up", [{ type: "backupTimeChosen", backup: later }]);
    expect(fromParticipant(again, of(copied), undefined)).toEqual([]);
    expect(types(fromCoordinator(of(copied), again))).toEqual(["copyAsked"]);
    // A report that was on its way while another T was chosen.
    const late = { type: "copyReported", agent: "a1", time: "1:1", digest: "d", reason: null };
    const chosenAgain: UpgradeEvent[] = [
      { type: "backupTimeChosen", backup: later },
      late as UpgradeEvent,
    ];
    expect(at("backing-up", chosenAgain).context.copies).toEqual({});
    expect(types(fromParticipant(at("awaiting-peers"), of(voted), undefined))).toEqual([
      "participantVoted",
    ]);
    const known = at("awaiting-peers", [{ type: "participantVoted", agent: "a1" }]);
    expect(fromParticipant(known, of(voted), undefined)).toEqual([]);
    const failed = of([
      ...copied,
      { type: "localStepsAsked" },
      { type: "localStepFailed", reason },
    ]);
    expect(types(fromParticipant(at("awaiting-peers"), failed, undefined))).toEqual([
      "participantFailed",
    ]);
  });
  test("nothing once it is decided", () => {
    for (const state of ["done", "rolled-back"]) {
      expect(fromParticipant(at(state), of(voted), undefined)).toEqual([]);
    }
  });
});

describe("the coordinator, from the records", () => {
  const silent = ({ agent }: { agent: string }) => (agent === "a2" ? "absent" : "heard");
  const heard = () => "heard" as const;
  test("gates shut, once all who are there have shut", () => {
    const open = [record("a1", { gate: "open" }), record("a2", { gate: "shut" })];
    expect(fromRecords(at("waiting"), open, heard)).toEqual([]);
    const away = [record("a1"), record("a2", { gate: "open" })];
    expect(types(fromRecords(at("waiting"), away, silent))).toEqual([
      "gatesShut",
      "participantSilent",
    ]);
  });
  test("who is away when the fleet goes back; only then, and only once", () => {
    const all = [record("a1"), record("a2")];
    expect(fromRecords(at("rolling-back"), all, silent).map(({ event }) => event)).toEqual([
      { type: "participantAbsent", agent: "a2" },
    ]);
    const known = at("rolling-back", [{ type: "participantAbsent", agent: "a2" }]);
    expect(fromRecords(known, all, silent)).toEqual([]);
    expect(types(fromRecords(at("rolling-back"), [record("a1")], heard))).toEqual([
      "participantAbsent",
    ]);
  });
  test("progress, a few times within its deadline", () => {
    const migrating = at("migrating");
    const { noProgressMs } = migrating.context.deadlines;
    expect(fromProgress(migrating, place(3), migrating.at)).toEqual([]);
    expect(fromProgress(migrating, place(0), migrating.at + noProgressMs)).toEqual([]);
    expect(types(fromProgress(migrating, place(3), migrating.at + noProgressMs))).toEqual([
      "progressSeen",
    ]);
  });
});

describe("a participant, from its coordinator", () => {
  const asked = (state: string, events: readonly AgentEvent[]) =>
    types(fromCoordinator(of(events), at(state)));
  test("a copy once the time is chosen; local steps after the migration; the decision", () => {
    expect(asked("backing-up", shut)).toEqual([]);
    const chosen = at("backing-up", [{ type: "backupTimeChosen", backup }]);
    expect(types(fromCoordinator(of(shut), chosen))).toEqual(["copyAsked"]);
    expect(fromCoordinator(of(copied), chosen)).toEqual([]);
    expect(asked("migrating", copied)).toEqual([]);
    expect(asked("awaiting-peers", copied)).toEqual(["localStepsAsked"]);
    expect(asked("awaiting-peers", voted)).toEqual([]);
    expect(asked("done", voted)).toEqual(["committed"]);
    expect(asked("rolling-back", voted)).toEqual(["turnBackAsked"]);
    expect(asked("rolled-back", [])).toEqual(["turnBackAsked"]);
    expect(asked("rolled-back", [{ type: "turnBackAsked" }])).toEqual([]);
  });
});

describe("who may be master", () => {
  const may = (
    coordinator: Parameters<typeof isEligible>[0],
    agent: string,
    version: string,
    silent: readonly string[] = [],
    running = to,
  ) =>
    isEligible(coordinator, {
      ...{ agent, version },
      versionOf: (name) => (silent.includes(name) ? null : running),
    });
  test("in waiting any; then whoever was ready on the new version; at the end any", () => {
    expect(may(undefined, "a9", from)).toBe(true);
    expect(may(at("waiting"), "a9", from)).toBe(true);
    for (const state of ["backing-up", "rehearsing", "migrating", "awaiting-peers"]) {
      expect(may(at(state), "a1", to)).toBe(true);
      expect(may(at(state), "a1", from)).toBe(false);
      expect(may(at(state), "a9", to)).toBe(false);
      // All that were ready fell back, or are away: one of them turns back; who was never asked does not.
      expect(may(at(state), "a1", from, [], from)).toBe(true);
      expect(may(at(state), "a1", from, ["a2"], from)).toBe(true);
      expect(may(at(state), "a9", from, [], from)).toBe(false);
      // Nobody is left that it is for: whoever there is turns back.
      for (const version of [from, to]) {
        expect(may(at(state), "a9", version, ["a1"])).toBe(false);
        expect(may(at(state), "a9", version, ["a1", "a2"])).toBe(true);
      }
    }
    expect(may(at("done"), "a9", to)).toBe(true);
  });
  test("the rehearsal needs a copy", () => {
    const tolerated = at("rehearsing");
    const { copies } = tolerated.context;
    const missing = { ...copies, a2: { digest: null, reason } };
    const without = { ...tolerated, context: { ...tolerated.context, copies: missing } };
    expect(may(without, "a1", to)).toBe(true);
    expect(may(without, "a2", to)).toBe(false);
    expect(may(without, "a2", to, ["a1"])).toBe(true);
  });
  test("while changed data is taken back, who holds a copy; where none of them is there, any", () => {
    expect(may(at("rolling-back"), "a1", from)).toBe(true);
    expect(may(at("rolling-back"), "a9", from)).toBe(false);
    expect(may(at("rolling-back"), "a9", from, ["a1"])).toBe(false);
    expect(may(at("rolling-back"), "a9", from, ["a1", "a2"])).toBe(true);
    expect(may(at("blocked"), "a9", from, ["a1", "a2"])).toBe(true);
    const restored = at("rolling-back", [{ type: "dataRestored", digest: "d" }]);
    expect(may(restored, "a9", from)).toBe(true);
  });
  test("while a backup is restored by hand, who holds it", () => {
    const restoreOf = { backupId: "b", digest: "d", holders: ["a2"] };
    const restoring = last<UpgradeContext>(coordinator(ways["migrating"] ?? [], 1, restoreOf));
    expect(may(restoring, "a2", to)).toBe(true);
    expect(may(restoring, "a1", to)).toBe(false);
    expect(may(restoring, "a1", to, ["a2"])).toBe(true);
    expect(may(restoring, "a9", to, ["a2"])).toBe(false);
  });
});
