// Aim: whatever the order in which three agents act, and whichever single fault comes in between, no
// invariant breaks and an end stays in reach. Method: breadth first over all states of a model that
// moves by the product's own pure functions; the number of states is exact, so none goes missing unseen.
import { expect, test } from "vitest";
import { edgeCounts } from "./counts.ts";
import { explore } from "./explore.ts";
import { publishedShort } from "./published.ts";

test.each(publishedShort)("$name: $states states", { timeout: 600_000 }, ({ budget, states }) => {
  const found = explore({ budget });
  expect(found.violation).toBeNull();
  expect(found.states).toBe(states);
});

test("both ends of both machines are among them", () => {
  const taken = edgeCounts().filter(({ count }) => count > 0);
  const ends = taken.map(({ machine, to }) => `${machine}: ${to}`);
  expect(ends).toEqual(
    expect.arrayContaining([
      ...["upgrade: done", "upgrade: rolled-back", "agent: done", "agent: rolled-back"],
    ]),
  );
});
