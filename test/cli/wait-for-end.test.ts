// Aim: who waits for an upgrade learns of its end, also when a later one holds the slot by then. Method: a fleet
// that says so.
import { expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { Terminal } from "../../src/cli/run.ts";
import { waitForEnd } from "../../src/cli/wait-for-end.ts";
import type { FleetClient, FleetStatus } from "../../src/index.ts";

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
  expect(said.map((line) => JSON.parse(line))).toEqual([
    { type: "ended", upgradeId: "u000006", state },
  ]);
});
