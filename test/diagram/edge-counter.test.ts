// Aim: the counter of a journal counts what was applied, once. Method: entries made by the pure step,
// given in order, twice, with a gap, and of a machine that nobody draws.
import { expect, test } from "vitest";
import { participantMachine } from "../../machines/participant.ts";
import { firstTransition, nextTransition } from "../../src/fleet-engine/transition.ts";
import type { Entry } from "../../src/journal/store.ts";
import { createEdgeCounter } from "../support/edge-counts.ts";

const definition = { machine: participantMachine, protocol: 1 };
const stamp = { epoch: 1, at: 0 };
const input = { agent: "a1", role: "stateless", upgradeId: "u1", from: "1.0.0", to: "1.1.0" };

function journalOf(...types: readonly string[]): readonly Entry[] {
  const owner = { kind: "pinned", agent: "a1" } as const;
  const base = { actor: "participant/a1", machine: "participant", owner };
  let { entry: tail } = firstTransition(definition, base, input, stamp);
  const entries = [tail];
  for (const type of types) {
    tail = nextTransition(definition, tail, { type }, stamp).entry;
    entries.push(tail);
  }
  return entries;
}

function counted(entries: readonly Entry[]): Record<string, number> {
  const counter = createEdgeCounter();
  for (const entry of entries) counter.see(entry);
  return (JSON.parse(counter.text()) as { participant: Record<string, number> }).participant;
}

const journal = journalOf(
  "gateShut",
  "undone",
  "localStepsAsked",
  "localStepsDone",
  ...["readinessPassed", "committed"],
);
const all = {
  "waiting gateShut -> waiting": 1,
  "waiting localStepsAsked isNotLate -> migrating": 1,
  "migrating localStepsDone -> checking-readiness": 1,
  "checking-readiness readinessPassed -> awaiting-peers": 1,
  "awaiting-peers committed -> done": 1,
};

test("what was applied is counted, what a state ignored is not", () => {
  expect(counted(journal)).toEqual(all);
});

test("an entry that is told again counts once", () => {
  expect(counted([...journal, ...journal])).toEqual(all);
});

test("behind a gap it is not known from where an event led; the entry after that counts again", () => {
  expect(counted(journal.filter(({ event }) => event.type !== "localStepsAsked"))).toEqual({
    "waiting gateShut -> waiting": 1,
    "checking-readiness readinessPassed -> awaiting-peers": 1,
    "awaiting-peers committed -> done": 1,
  });
});

test("a guard that threw and a machine that is not drawn count nothing", () => {
  expect(counted(journal.map((entry) => ({ ...entry, outcome: "rejected" })))).toEqual({});
  expect(counted(journal.map((entry) => ({ ...entry, machine: "other" })))).toEqual({});
});

test("what was counted before is added to", () => {
  const first = createEdgeCounter();
  for (const entry of journal) first.see(entry);
  const second = createEdgeCounter(first.text());
  for (const entry of journal) second.see(entry);
  const twice = Object.entries(all).map(([key, count]) => [key, 2 * count]);
  expect(JSON.parse(second.text())).toMatchObject({ participant: Object.fromEntries(twice) });
});
