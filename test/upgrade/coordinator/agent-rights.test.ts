// Aim: an upgrade is refused for a right that any one state server's user lacks, by the agent's name; rights that it
// can do without are only told. Method: records of agents as tables.
import { expect, test } from "vitest";
import { requireAgentRights } from "../../../src/upgrade/database/agent-rights.ts";

const lacking = (agent: string, missing: string, optional = "") => ({
  agent,
  rights: { missing, optional },
});
const watch = 'changeStream on the database "things" (to find out foreign writes)';

test("nobody lacks anything, or nothing is known of it yet", () => {
  expect(requireAgentRights([lacking("a1", ""), { agent: "a2" }])).toBeNull();
});

test("one of three lacks one: refused by its name", () => {
  const agents = [lacking("a1", ""), lacking("a2", watch), lacking("a3", "")];
  expect(() => requireAgentRights(agents)).toThrow(`missing for a2: ${watch}: grant them`);
});

test("agents that lack the same are named together", () => {
  const agents = [
    lacking("a1", watch),
    lacking("a2", "inprog on the cluster"),
    lacking("a3", watch),
  ];
  expect(() => requireAgentRights(agents)).toThrow(
    `missing for a1, a3: ${watch}; a2: inprog on the cluster: grant them`,
  );
});

test("what it can do without is told and refuses nothing", () => {
  expect(requireAgentRights([lacking("a1", "", "killop on the cluster"), lacking("a2", "")])).toBe(
    "an upgrade can do without these rights, less well; missing for a1: killop on the cluster",
  );
});
