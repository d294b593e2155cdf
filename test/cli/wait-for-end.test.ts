// Aim: who waits for an upgrade learns of its end, also when a later one holds the slot by then. Method: a fleet
// that says so.
import { expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { Terminal } from "../../src/cli/run.ts";
import { printChanges, waitForEnd } from "../../src/cli/wait-for-end.ts";
import type { FleetClient, FleetStatus } from "../../src/index.ts";
import { limits } from "../../src/limits.ts";
import { linesOf } from "../support/output-schemas.ts";

test.each([
  ["done", exitCodes.done],
  ["rolled-back", exitCodes.rolledBack],
])("a later one holds the slot, ours ended %s", async (state, exitCode) => {
  const later = { upgrade: { upgradeId: "u000007", state: "migrating" } } as FleetStatus;
  const fleet = {
    async *watch() {
      yield { upgrade: null } as FleetStatus;
      yield { upgrade: { upgradeId: "u000005", state: "done" } } as FleetStatus;
      yield later;
      throw new Error("watched on");
    },
    history: async () => [{ upgradeId: "u000006", state }],
  } as unknown as FleetClient;
  const said: string[] = [];
  const terminal = { out: (text: string) => said.push(text) } as unknown as Terminal;
  expect(await waitForEnd(fleet, "u000006", { json: true }, terminal)).toBe(exitCode);
  expect(linesOf("upgrade", said.join("\n"))).toEqual([
    { type: "ended", formatVersion: 1, upgradeId: "u000006", state },
  ]);
});

test("a long explanation is in the first line that has it, and not in each line of progress", () => {
  const path = `no copy in /data/${"x".repeat(100)}`;
  const shown = (batches: number, now: number) =>
    ({
      ...{ now, master: null, agents: [] },
      upgrade: {
        ...{ upgradeId: "u000002", from: "1.0.0", to: "1.1.0", state: "migrating", notServing: [] },
        ...{ waitingFor: ["master"], restoring: null, copiedAgain: null, final: false },
        copies: { made: 2, of: 3, missing: [{ agent: "a1", why: path }] },
        progress: {
          ...{ step: 1, steps: 1, stepName: "s", operation: null, operationDocuments: 0 },
          ...{ operationTotal: null, batches, batchesTotal: null, documents: 0 },
          ...{ documentsTotal: null, documentsPerSecond: null, etaMs: null },
        },
      },
    }) as unknown as FleetStatus;
  const said: string[] = [];
  const print = printChanges({}, { out: (text) => said.push(text) });
  for (const batches of [1, 2, 3]) print(shown(batches, batches * limits.progressLineMs));
  expect(said.map((line) => line.includes(path))).toEqual([true, false, false]);
  expect(said.every((line) => line.includes("2 of 3 copies"))).toBe(true);
  const json: string[] = [];
  const printJson = printChanges({ json: true }, { out: (text) => json.push(text) });
  for (const batches of [1, 2]) printJson(shown(batches, 0));
  expect(json.every((line) => line.includes(path))).toBe(true);
});
