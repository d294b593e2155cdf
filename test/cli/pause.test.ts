// Aim: a person who pauses an upgrade is told what it costs before anything is asked for. Method: the sentence, and the
// command over a fleet that notes each request.
import { expect, test } from "vitest";
import { pauseCost } from "../../src/cli/commands/upgrade/pause.ts";
import { statusNow, upgradeStatus } from "../support/fleet-status.ts";

test("the cost: for how long the application has been down", () => {
  const downtime = { from: statusNow - 190_000, until: null };
  expect(pauseCost(upgradeStatus({ downtime }), statusNow)).toBe(
    "a pause of u000002 keeps all gates shut: the application has been down for 3 min 10 s, and stays down until the upgrade goes on and ends",
  );
  expect(pauseCost(upgradeStatus(), statusNow)).toContain("the application goes down, and stays");
});
