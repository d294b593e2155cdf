// Aim: an agent that comes up on the new version may take its time, and any other silent one has a deadline of its own.
// Method: one pass over the memory store; what is sent is caught.
import { expect, test } from "vitest";
import type { AgentEvent } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Engine } from "../../../src/fleet-engine/engine.ts";
import type { Entry } from "../../../src/journal/store.ts";
import { driveCoordinator } from "../../../src/upgrade/coordinator/drive-coordinator.ts";
import { viewOf } from "../../../src/upgrade/fleet-journal.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { coordinator, from, participant, record, ways } from "../protocol/facts.ts";

const nowMs = 1_000_000;
const started: AgentEvent = {
  type: "started",
  ...{ version: from, incarnation: 1, hash: "h", schemaSteps: 0, protocol: 1, cannotStart: null },
};

async function silentIn(state: string, events: readonly AgentEvent[]): Promise<readonly string[]> {
  const store = createMemoryStore({ now: () => nowMs });
  const entries = [...coordinator(ways[state] ?? []), ...participant("a1", events)];
  for (const entry of entries) await store.append([entry]);
  const sent: { type: string; agent?: string }[] = [];
  const engine = { send: async (_actor: string, event: { type: string }) => void sent.push(event) };
  const tail = (await store.tail("upgrade/u000002")) as Entry;
  await driveCoordinator(
    { store, engine: engine as unknown as Engine },
    {
      coordinator: { ...viewOf<UpgradeContext>(tail), final: false, protocol: 1 },
      agents: [record("a1", { lastSeenAt: 0 }), record("a2", { lastSeenAt: nowMs })],
      ...{ nowMs, canJudgeSilence: true },
    },
  );
  return sent.filter(({ type }) => type === "participantSilent").map(({ agent }) => agent ?? "");
}

test.each<[string, string, readonly AgentEvent[], readonly string[]]>([
  ["it has left for the new version", "waiting", [started, { type: "gateShut" }], []],
  ["its gate is not shut yet", "waiting", [started], ["a1"]],
  ["it was to make its copy", "backing-up", [started, { type: "gateShut" }], ["a1"]],
])("silent, and %s", async (_which, state, events, expected) => {
  expect(await silentIn(state, events)).toEqual(expected);
});
