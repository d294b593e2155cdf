// Aim: a line of the log has each field once (a reader keeps only one of two of one name), and an agent on another version
// than the fleet's says what to do. Method: a journal in memory, and a log that keeps its fields.
import { expect, test } from "vitest";
import { silentLog } from "../../../src/log.ts";
import {
  returnToFleetVersion,
  settleHostVersion,
} from "../../../src/upgrade/participant/local/host-version.ts";
import type { ParticipantWorld } from "../../../src/upgrade/participant/participant-world.ts";
import { defineSteps } from "../../../src/upgrade/protocol/steps.ts";

test("a fresh host names the skipped steps, and leaves its version to the log of its process", async () => {
  const said: object[] = [];
  const settled: string[] = [];
  const [description, run] = ["writes a file", async () => {}] as const;
  const steps = [
    { name: "file", version: "1.0.0", target: "AllMachines", description, run },
  ] as const;
  const world = {
    ...{ version: "1.1.0", fresh: true, role: "state-server", steps: defineSteps(steps) },
    localJournal: {
      stepsVersion: async () => undefined,
      setStepsVersion: async (version: string) => void settled.push(version),
    },
    log: { ...silentLog, info: (fields: object) => void said.push(fields) },
  };
  await settleHostVersion(world as unknown as ParticipantWorld);
  expect([settled, said]).toEqual([["1.1.0"], [{ skipped: ["file"] }]]);
});

test.each([
  [["1.0.0"], "list it in the versions file of its launcher"],
  [[], "runs without a launcher, so it cannot become 1.1.0"],
])("an agent that can start %j is not on the fleet's version", async (startable, words) => {
  const world = {
    ...{ version: "1.0.0", startable, cannotStart: null },
    localJournal: { stepsVersion: async () => "1.1.0" },
  } as unknown as ParticipantWorld;
  const versions = { agentVersion: "1.1.0", databaseVersion: "1.1.0", upgradeId: null };
  const why = await returnToFleetVersion(world, { ...versions, generation: 3 }, null);
  expect(why).toContain(words);
});
