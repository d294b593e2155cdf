// Aim: what people read of a plan, to the letter.
import { expect, test } from "vitest";
import { applyCommand, renderPlan } from "../../../src/cli/render/plan.ts";
import { fleetPlan } from "../../support/fleet-plan.ts";

test("agents, steps with their undo, the commit point, times, deadlines and checks", () => {
  const plan = fleetPlan();
  const [step] = plan.steps;
  if (!step) throw new Error("expected a step");
  const local = {
    ...step,
    name: "keys\u001b[2J",
    target: "AllMachines",
    undo: "its revert",
  } as const;
  const some = { ...step, name: "joins", reads: ["films", "people"] };
  const refused = {
    name: "the disks",
    isPassed: false,
    figure: "full",
    code: "disk-full",
    warning: null,
  };
  const shown = renderPlan({
    ...plan,
    steps: [step, some, local],
    estimates: [...plan.estimates, { state: "migrating", ms: null }],
    checks: [...plan.checks, refused],
  });
  expect(shown).toBe(
    [
      "plan: films from 1.0.0 to 1.1.0",
      "agents",
      "  a1  1.0.0  state-server, the upgrade waits for it",
      "steps, in this order (hash 0123456789ab)",
      "  1. titles (1.1.0, MasterStateServer): each title once",
      "     changes the database; a rehearsal shows which collections",
      "     if the fleet goes back: the data is restored from the copies",
      "  2. joins (1.1.0, MasterStateServer): each title once",
      "     changes the database; its transactions use films, people",
      "     if the fleet goes back: the data is restored from the copies",
      "  3. keys\\u001b[2J (1.1.0, AllMachines): each title once",
      "     changes the host of each agent",
      "     if the fleet goes back: its revert runs, and files that it keeps are put back",
      "the way back",
      "  before the commit point: a failure, a deadline or `lockstep abort` leads back to the old version and the old data",
      "  the commit point: every required agent has voted, and the live data is verified",
      "  after it: no way leads back but `lockstep restore`, which loses what was written since",
      "time without the application, by earlier upgrades and the size of the data",
      "  waiting         5.0 s to 8.0 s",
      "  migrating       not known",
      "  `lockstep rehearse` measures the steps on a copy",
      "deadlines",
      "  waiting 15 min, backing-up 1 h, no-progress 10 min, peers 15 min, paused 1 h, silent 1 min, rolling-back 1 h",
      "checks",
      "  passed  the oplog: it holds 5 MB",
      "          notice: short",
      "  refused the disks: disk-full: full",
      "          see docs/errors.md#disk-full",
    ].join("\n"),
  );
});

test("no step, and more agents than one reads", () => {
  const [agent] = fleetPlan().agents;
  if (!agent) throw new Error("expected an agent");
  const agents = Array.from({ length: 60 }, (_, number) => ({
    ...agent,
    agent: `m${number}`,
    isRequired: false,
  }));
  const shown = renderPlan(fleetPlan({ steps: [], agents }));
  expect(shown).toContain("  none: the version changes, and nothing else\n");
  expect(shown).not.toContain("lockstep rehearse");
  expect(shown).toContain("  m49  1.0.0  state-server, follows after the commit\n  and 10 more\n");
});

test.each([
  ["plan", undefined, "lockstep apply plan --steps a.mjs"],
  ["my plan", "the shop", "lockstep apply 'my plan' --steps a.mjs --fleet 'the shop'"],
])("the command that applies %j of the fleet %j", (path, fleet, command) => {
  expect(applyCommand(path, " --steps a.mjs", fleet)).toBe(command);
});
