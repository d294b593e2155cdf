// Aim: a rehearsal passes only where it has run something, and says so where nothing lies between. Method: the decision
// alone, and a fleet in memory with steps that lie elsewhere.
import { expect, test } from "vitest";
import { initializeVersions } from "../../src/control/versions.ts";
import { rehearse, rehearsedFrom } from "../../src/operator/by-hand/rehearse.ts";
import { defineSteps } from "../../src/upgrade/protocol/steps.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const versions = {
  ...{ agentVersion: "2.4.1", databaseVersion: "2.4.1", upgradeId: null, generation: 3 },
};

test("a version that is equal or lower is refused, a higher one is not", () => {
  for (const to of ["2.4.1", "2.4.0", "1.9.9"]) {
    expect(() => rehearsedFrom(versions, to)).toThrow(
      `higher than 2.4.1, on which the fleet is, got ${to}`,
    );
  }
  expect(() => rehearsedFrom(versions, "2.4")).toThrow("expected a semantic version");
  expect(() => rehearsedFrom({ ...versions, upgradeId: "u000003" }, "2.5.0")).toThrow("is active");
  expect(rehearsedFrom(versions, "2.5.0")).toBe("2.4.1");
});

test("where no schema step lies between, nothing is copied", async () => {
  const store = createMemoryStore({ now: () => 0 });
  await initializeVersions(store, "2.6.2");
  const [target, description, run] = ["MasterStateServer", "an old step", async () => {}] as const;
  const steps = defineSteps([{ name: "old", version: "2.6.0", target, description, run }]);
  const options = { store, steps, to: "2.9.0", controlDatabaseName: "lockstep_x" };
  const found = await rehearse(options as unknown as Parameters<typeof rehearse>[0]);
  expect(found.result).toMatchObject({ kind: "done", figures: [] });
});
