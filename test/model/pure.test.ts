// Aim: no path of either machine breaks an invariant, no edge is left untaken, and the counts on the
// diagrams are those of these paths. Method: all paths of xstate/graph through the pure machine.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { AnyMachineSnapshot } from "xstate";
import { chartOf } from "../../src/diagram/chart.ts";
import { untakenEdges } from "../../src/diagram/edge-counts.ts";
import { cases } from "./cases.ts";
import { countPaths } from "./count-paths.ts";
import { invariantsOf } from "./invariants-of.ts";
import { walk } from "./walk.ts";

const seen = ({ value, context }: AnyMachineSnapshot) => ({
  state: String(value),
  context: context as unknown,
});

describe.each(cases)("$name", (model) => {
  test("every path keeps the invariants", () => {
    const steps = walk(model);
    expect(steps.length).toBeGreaterThan(300);
    for (const { before, event, after, path } of steps) {
      const broken = invariantsOf(model.name, seen(before), seen(after), event.type);
      expect(broken, JSON.stringify(path)).toEqual([]);
    }
  });
});

test("every edge is taken, as often as the committed file says (`npm run counts` writes it)", async () => {
  const counts = countPaths();
  expect(await readFile("diagrams/counts/model.json", "utf8")).toBe(counts);
  const byMachine = JSON.parse(counts) as Record<string, Record<string, number>>;
  const untaken = cases.flatMap(({ name, machine }) =>
    untakenEdges(chartOf(machine), { model: byMachine[name] ?? {} }),
  );
  expect(untaken).toEqual([]);
});
