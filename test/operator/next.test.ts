// Aim: the status promises no backup where none is made, does not call a fleet at rest that does not serve, and says why
// copies are made again. Method: contexts of the coordinator, reduced to what the texts depend on.
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { copiedAgain, nextOf } from "../../src/operator/upgrade-facts/next.ts";

const contextOf = (facts: object) =>
  ({ ready: {}, restoreOf: null, touched: false, ...facts }) as unknown as UpgradeContext;
const ready = (schemaSteps: number) => ({ ready: { a1: { schemaSteps } } });

test.each([
  ["waiting", ready(2), /^a backup, once everybody is ready; roll-back when/],
  ["waiting", { ...ready(0), restoreOf: {} }, /^a backup, once/],
  ["waiting", ready(0), /^the local steps and votes of every agent, once everybody is ready/],
  ["waiting", {}, /^a backup where a schema step lies between, else the local steps and votes/],
  ["awaiting-peers", {}, /everybody has voted; roll-back at the deadline$/],
  ["awaiting-peers", { touched: true }, /roll-back and restore at the deadline$/],
  ["done", {}, /^nothing: the upgrade is committed$/],
])("%s, with %j", (state, facts, words) => {
  expect(nextOf(state, contextOf(facts), false)).toMatch(words);
});

test("while an agent does not serve, something is still to come", () => {
  const opens = /^each agent that does not serve opens its gate once its cause is mended/;
  expect(nextOf("done", contextOf({}), true)).toMatch(opens);
  expect(nextOf("rolled-back", contextOf({}), true)).toMatch(opens);
});

test("why the copies are made again", () => {
  const visits = (...states: readonly string[]) =>
    states.map((state) => ({ state, at: 1, epoch: 1 }));
  const [none, one] = [{ momentsGone: 0 }, { momentsGone: 1 }];
  const after = visits("backing-up", "rehearsing", "migrating", "backing-up");
  expect(copiedAgain("backing-up", one, after)).toContain("outside the fleet wrote");
  expect(copiedAgain("backing-up", one, visits("waiting", "backing-up"))).toContain(
    "no longer read",
  );
  expect(copiedAgain("backing-up", none, after)).toBe(null);
  expect(copiedAgain("rehearsing", one, after)).toBe(null);
});
