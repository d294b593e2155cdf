// Aim: whatever the order in which three agents act, and whichever single fault comes in between, no
// invariant breaks and an end stays in reach. Method: breadth first over all states of a model that
// moves by the product's own pure functions; the number of states is exact, so none goes missing unseen.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { exploredCounts } from "./counts.ts";
import { explore } from "./explore.ts";
import { publishedShort } from "./published.ts";

test.each(publishedShort)("$name: $states states", { timeout: 600_000 }, ({ budget, states }) => {
  const found = explore({ budget });
  expect(found.violation).toBeNull();
  expect(found.states).toBe(states);
});

// After those above: what they took is what is drawn; stale counts are made anew by `npm run counts`.
test("the edges taken are those that are drawn, both ends of both machines among them", async () => {
  const counts = exploredCounts();
  expect(counts).toBe(await readFile("diagrams/counts/exploration.json", "utf8"));
  for (const end of ["done", "rolled-back"]) {
    expect(counts.split(`-> ${end}"`).length - 1, end).toBeGreaterThanOrEqual(2);
  }
});
