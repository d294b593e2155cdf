// Aim: the status promises no backup where none is made, does not call a fleet at rest that does not serve, and says why
// copies are made again. Method: contexts of the coordinator, reduced to what the texts depend on.
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { Reason } from "../../machines/vocabulary.ts";
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
  const differs = (details: Reason["details"]) => ({
    ...{ momentsGone: 1, differed: { code: "foreign-writes", message: "differs", details } },
  });
  const write = { collection: "items", operation: "insert", id: "7" };
  const named = differs({ writes: [write, write], count: 12, changed: ['index "b" is new'] });
  const wrote = "somebody outside the fleet wrote after the copies, and before the first batch";
  expect(copiedAgain("backing-up", named)).toBe(
    `${wrote}: insert of 7 in "items", insert of 7 in "items" and 10 more; index "b" is new`,
  );
  expect(copiedAgain("backing-up", differs({ writes: [], count: 0 }))).toBe(wrote);
  expect(copiedAgain("backing-up", differs({ writes: "odd", count: 1 }))).toBe(wrote);
  expect(copiedAgain("backing-up", { momentsGone: 1, differed: null })).toContain("no longer read");
  expect(copiedAgain("backing-up", { momentsGone: 0 })).toBe(null);
  expect(copiedAgain("rehearsing", named)).toBe(null);
});
