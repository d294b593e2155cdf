// Aim: a diagram says what its machine does, and how often each edge was taken. Method: a small
// machine with its exact text; the real machines against what is committed.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { setup } from "xstate";
import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { catalogueOf } from "../../src/diagram/catalogue.ts";
import { chartOf } from "../../src/diagram/chart.ts";
import {
  countableEdges,
  edgeKey,
  unknownEdges,
  untakenEdges,
} from "../../src/diagram/edge-counts.ts";
import { mermaidOf } from "../../src/diagram/mermaid.ts";
import { countEdges } from "../support/edge-counts.ts";

const machine = setup({
  types: { events: {} as { type: "go" | "stop" | "note" | "everywhere" } },
  actions: { armDeadline: () => {}, work: () => {}, noteIt: () => {} },
  guards: { enough: () => true },
}).createMachine({
  id: "small",
  initial: "at-rest",
  on: { everywhere: {} },
  states: {
    "at-rest": {
      description: "somebody to start it",
      on: { go: "busy", note: { actions: "noteIt" } },
    },
    busy: {
      description: "the work",
      entry: ["armDeadline", "work"],
      always: { guard: "enough", target: "over" },
      on: { stop: "over", go: { guard: "enough", target: "at-rest" } },
    },
    over: { type: "final", description: "nothing" },
  },
});

test("Mermaid, to the letter", () => {
  expect(mermaidOf(chartOf(machine))).toBe(
    [
      "stateDiagram-v2",
      "  direction TB",
      '  state "at-rest" as at_rest',
      '  state "busy" as busy',
      '  state "over" as over',
      "  [*] --> at_rest",
      "  at_rest --> busy: go",
      "  busy --> over: when enough<br/>stop",
      "  busy --> at_rest: go, if enough",
      "  over --> [*]",
      "",
    ].join("\n"),
  );
});

test("the catalogue, to the letter", () => {
  expect(catalogueOf(chartOf(machine))).toBe(
    [
      "# small",
      "",
      "| state | waits for | deadline | leaves by | notes | on entry |",
      "|---|---|---|---|---|---|",
      "| at-rest | somebody to start it | – | go → busy | note | – |",
      "| busy | the work | yes | when enough → over, stop → over, go → at-rest | – | work |",
      "| over | nothing | final | – | – | – |",
      "",
      "Every state also takes: everywhere.",
      "",
    ].join("\n"),
  );
});

const counts = {
  model: { "at-rest go -> busy": 3, "busy always enough -> over": 2 },
  chaos: { "at-rest go -> busy": 1, "busy stop -> over": 1 },
};

test("counts are drawn on the arrows and tabled, a column for each source that has counted", () => {
  const drawn = mermaidOf(chartOf(machine), counts).split("\n");
  expect(drawn[2]).toBe("  %% in brackets: how often taken by model / chaos");
  expect(drawn).toContain("  at_rest --> busy: go (3 / 1)");
  expect(drawn).toContain("  busy --> over: when enough (2 / 0)<br/>stop (0 / 1)");
  const [, table] = catalogueOf(chartOf(machine), counts).split("## How often each edge was taken");
  expect(table).toBe(
    [
      "",
      "",
      "| from | event | guard | to | model | chaos |",
      "|---|---|---|---|--:|--:|",
      "| at-rest | go | – | busy | 3 | 1 |",
      "| at-rest | note | – | at-rest | 0 | 0 |",
      "| busy | always | enough | over | 2 | 0 |",
      "| busy | stop | – | over | 0 | 1 |",
      "| busy | go | enough | at-rest | 0 | 0 |",
      "| at-rest | everywhere | – | at-rest | 0 | 0 |",
      "| busy | everywhere | – | busy | 0 | 0 |",
      "",
    ].join("\n"),
  );
});

test("an edge that only chaos takes is untaken; a counted edge that is no more is named", () => {
  expect(untakenEdges(chartOf(machine), counts)).toEqual([
    "at-rest note -> at-rest",
    "busy stop -> over",
    "busy go enough -> at-rest",
    "at-rest everywhere -> at-rest",
    "busy everywhere -> busy",
  ]);
  const gone = { exploration: { "busy stop -> gone": 1, "busy stop -> over": 1 } };
  expect(unknownEdges(chartOf(machine), gone)).toEqual(["busy stop -> gone (exploration)"]);
});

test.each([upgradeMachine, participantMachine])(
  "what is committed is what the machines are",
  async (real) => {
    const chart = chartOf(real);
    const path = (ending: string) => readFile(`diagrams/${chart.name}.${ending}`, "utf8");
    const states = (text: string) => text.split("## How often")[0];
    expect(states(await path("md"))).toBe(`${catalogueOf(chart)}\n`);
    const uncounted = (await path("mmd")).replace(/^ *%%.*\n/gm, "").replace(/ \([\d /]+\)/g, "");
    expect(uncounted).toBe(mermaidOf(chart));
  },
);

test("an edge of every state is one of each live state that does not say otherwise", () => {
  const started = countableEdges(chartOf(participantMachine)).filter(
    ({ event }) => event === "started",
  );
  expect(started.filter(({ leaves }) => leaves).map(edgeKey)).toEqual([
    "rolling-back started cannotGoBack -> blocked",
  ]);
  expect(started.filter(({ leaves }) => !leaves).map(edgeKey)).toEqual([
    "rolling-back started -> rolling-back",
    ...[
      ...["waiting", "backing-up", "migrating", "checking-readiness", "awaiting-peers"],
      ...["blocked", "withdrawing"],
    ].map((state) => `${state} started -> ${state}`),
  ]);
});

test("an edge without event and guard is taken at once", () => {
  const eager = setup({}).createMachine({
    id: "eager",
    initial: "a",
    states: { a: { always: "b" }, b: {} },
  });
  expect(mermaidOf(chartOf(eager))).toContain("  a --> b: at once\n");
});

test.each([upgradeMachine, participantMachine])(
  "no two edges of a machine share a name",
  (real) => {
    const keys = countableEdges(chartOf(real)).map(edgeKey);
    expect(new Set(keys).size).toBe(keys.length);
  },
);

test("the counter names the edges of an event, those of `always` behind it too, and no other", () => {
  const taken = (state: string, type: string) => {
    const found = new Map<string, number>();
    const snapshot = machine.resolveState({ value: state, context: {} });
    countEdges(machine, JSON.stringify(machine.getPersistedSnapshot(snapshot)), { type }, found);
    return [...found];
  };
  expect(taken("at-rest", "go")).toEqual([
    ["at-rest go -> busy", 1],
    ["busy always enough -> over", 1],
  ]);
  expect(taken("at-rest", "everywhere")).toEqual([["at-rest everywhere -> at-rest", 1]]);
  expect(taken("at-rest", "stop")).toEqual([]);
});
