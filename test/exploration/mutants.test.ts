// Aim: the exploration finds out a protocol that is wrong. Method: one rule is left out at a time, by
// name; the shortest way to the first broken invariant is asked for, and its name.
import { describe, expect, test } from "vitest";
import { explore } from "./explore.ts";
import { type Budget, type Mutant, noFaults } from "./vocabulary.ts";

interface Case {
  readonly mutant: Mutant;
  readonly budget: Partial<Budget>;
  readonly caughtBy: RegExp;
}

const cases: readonly Case[] = [
  { mutant: "no-fence", budget: { failovers: 1 }, caughtBy: /^S4: an older epoch/ },
  { mutant: "gate-reads-then-opens", budget: { pauses: 1 }, caughtBy: /^S1: opened on 1\.0\.0/ },
  { mutant: "no-value-in-transition", budget: {}, caughtBy: /^S8: in waiting/ },
  {
    mutant: "participant-turns-back-by-itself",
    budget: { failures: 1 },
    caughtBy: /^S12: a\d went back by itself/,
  },
  {
    mutant: "roll-back-forgets-agent-version",
    budget: { aborts: 1 },
    caughtBy: /^S8: in rolling-back/,
  },
  { mutant: "batch-counted-twice", budget: { lostAnswers: 1 }, caughtBy: /^S7: a batch/ },
  {
    mutant: "paused-step-works-on",
    budget: { holds: 1 },
    caughtBy: /^S4: a batch took effect in paused/,
  },
  { mutant: "no-deadline", budget: { deaths: 1 }, caughtBy: /^L1: no end can be reached/ },
];

describe("a protocol that is wrong is found out", () => {
  test.each(cases)("$mutant", ({ mutant, budget, caughtBy }) => {
    const { violation } = explore({ budget: { ...noFaults, inAll: 1, ...budget }, mutant });
    expect(violation?.broken[0]).toMatch(caughtBy);
    expect(violation?.path.length).toBeGreaterThan(0);
  });
});
