// Aim: ids and names are what others look for, to the letter.
import { expect, test } from "vitest";
import {
  coordinatorId,
  coordinatorPrefix,
  isUpgradeId,
  masterRole,
  participantId,
  participantPrefix,
  upgradeIdOf,
} from "../../src/control/ids.ts";

test("ids of actors, of upgrades, of the control database", () => {
  expect(masterRole).toBe("master");
  expect(coordinatorPrefix).toBe("upgrade/");
  expect(coordinatorId("u000001")).toBe("upgrade/u000001");
  expect(participantPrefix("a1")).toBe("participant/a1/");
  expect(participantId("a1", "u000001")).toBe("participant/a1/u000001");
  expect(upgradeIdOf(7)).toBe("u000007");
  expect(upgradeIdOf(1_234_567)).toBe("u1234567");
});

test.each([
  ["u000001", true],
  ["u1234567", true],
  ["u00001", false],
  ["xu000001", false],
  ["u000001x", false],
  ["u00000x", false],
])("an upgrade's id: %s", (name, expected) => {
  expect(isUpgradeId(name)).toBe(expected);
});
