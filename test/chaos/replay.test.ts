// Aim: the replay of a chaos run accepts what the machines make and nothing else, and counts edges.
// Method: a journal made step by step; then one field of one entry is edited.
import { describe, expect, test } from "vitest";
import { upgradeMachine } from "../../machines/upgrade.ts";
import type { UpgradeEvent, UpgradeInput } from "../../machines/upgrade-context.ts";
import { protocol } from "../../machines/vocabulary.ts";
import { callerKey } from "../../src/fleet-engine/event-key.ts";
import {
  type Definition,
  firstTransition,
  nextTransition,
  takeoverTransition,
} from "../../src/fleet-engine/transition.ts";
import type { Entry } from "../../src/journal/store.ts";
import { replay } from "./replay.ts";

const none = () => [];
const definition: Definition = {
  machine: upgradeMachine,
  protocol,
  writes: { accept: none, turnBack: none, commit: none, endRollBack: none },
};
const input: UpgradeInput = {
  upgradeId: "u000002",
  from: "1.0.0",
  to: "1.1.0",
  required: [{ agent: "a1", role: "state-server" }],
  deadlines: {
    ...{ waitingMs: 1, backingUpMs: 2, noProgressMs: 3, peersMs: 4, silentMs: 5, pausedMs: 7 },
    rollingBackMs: 6,
  },
  restoreOf: null,
  acceptedAt: 1,
};
const events: readonly UpgradeEvent[] = [
  {
    ...{ type: "participantReady", agent: "a1", incarnation: 1, hash: "h" },
    ...{ schemaSteps: 1, protocol: 1 },
  },
  { type: "gatesShut" },
  { type: "abortRequested", why: "a test" },
];

function journal(): readonly Entry[] {
  const base = {
    actor: "upgrade/u000002",
    machine: "upgrade",
    owner: { kind: "role", role: "master" } as const,
  };
  const entries = [firstTransition(definition, base, input, { epoch: 1, at: 10 }).entry];
  const last = () => entries.at(-1) as Entry;
  entries.push(takeoverTransition(last(), { epoch: 2, at: 11 }).entry);
  for (const event of events) {
    const stamp = { epoch: 2, at: 12, eventKey: callerKey(`key-${entries.length}`) };
    entries.push(nextTransition(definition, last(), event, stamp).entry);
  }
  return entries;
}

describe("the replay", () => {
  test("what the machine made is accepted, through to the way back", () => {
    const entries = journal();
    expect(entries.map(({ state }) => state)).toContain("rolling-back");
    expect(replay(entries)).toEqual([]);
  });

  const edits: readonly Partial<Entry>[] = [
    { state: "done" },
    { snapshot: "{}" },
    { timers: [] },
    { effects: [{ id: "x", name: "dump", params: {} }] },
    { outcome: "ignored" },
    { status: "done" },
    { protocol: 2 },
    { revision: 9 },
    { event: { type: "migrationDone" } },
  ];
  test.each(edits)("an entry edited is found: %o", (edit) => {
    const entries = journal().map((entry, index) => (index === 2 ? { ...entry, ...edit } : entry));
    expect(replay(entries).join()).toContain("upgrade/u000002@");
  });

  test("an entry taken out is found", () => {
    expect(replay(journal().toSpliced(2, 1))).not.toEqual([]);
  });
});
