// Aim: what a participant says of itself when its process has started, and what it does when it is asked to try
// again. Method: looks over the memory store; what is sent is caught.
import { expect, test } from "vitest";
import type { AgentEvent } from "../../../machines/participant-context.ts";
import { acceptWrite, initializeVersions } from "../../../src/control/versions.ts";
import type { Engine } from "../../../src/fleet-engine/engine.ts";
import { collections, type Store } from "../../../src/journal/store.ts";
import { reconcile, shutGateIfAway } from "../../../src/upgrade/participant/participant-loop.ts";
import type { ParticipantWorld } from "../../../src/upgrade/participant/participant-world.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { coordinator, from, join, participant, reason, to, upgradeId } from "../protocol/facts.ts";

const cannotStart = (version: string) => ({
  code: "cannot-start",
  message: "it does not come up",
  details: { version },
});

/** One agent over a store: its sent events, the versions it changes to, how often its gate was shut. */
function participantOf(store: Store, more: Partial<ParticipantWorld> = {}) {
  const sent: ({ type: string } & Record<string, unknown>)[] = [];
  const keys: (string | undefined)[] = [];
  const changes: string[] = [];
  const engine = {
    async send(_actor: string, event: { type: string }, options: { key?: string } = {}) {
      sent.push(event);
      keys.push(options.key);
    },
  };
  const world = {
    ...{ store, engine: engine as unknown as Engine, agent: "a1", role: "state-server" },
    ...{ version: from, incarnation: 1, steps: [], startable: [from, to], cannotStart: null },
    gate: { isOpen: false, lift() {} },
    wasTakenOver: () => true,
    writeWantedVersion: async (version: string) => {
      changes.push(version);
    },
    leave() {},
    localJournal: { stepsVersion: async () => from },
    ...more,
  } as unknown as ParticipantWorld;
  return { world, look: () => reconcile(world), sent, keys, changes };
}

async function askAgain(store: Store, request: string): Promise<void> {
  const record = { collection: collections.agents, id: "a1", expect: {} };
  await store.write([{ ...record, set: { retry: request } }]);
}

const asked = async (store: Store) => (await store.get(collections.agents, "a1"))?.["retry"];

const started = (version: string): AgentEvent => ({
  type: "started",
  ...{ version, incarnation: 1, hash: "h", schemaSteps: 0, protocol: 1, cannotStart: null },
});
/** One that has left for the new version, one that runs it, and one that runs the old one still. */
const left = [started(from), { type: "gateShut" }] as const;
const runsNew = [started(to), { type: "gateShut" }] as const;

test.each<[string, string, readonly AgentEvent[], boolean]>([
  ["1.1.0, where the upgrade leads", to, left, true],
  ["1.1.0, when it had come up", to, runsNew, true],
  ["1.1.0, in an earlier try", to, [started(from)], false],
  ["1.0.0, where it comes from", from, left, true],
  ["an earlier one", "0.9.0", left, false],
])("the launcher fell back from %s", async (_which, version, events, isSaid) => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgradeId)]);
  for (const entry of [...coordinator([]), ...participant("a1", events)]) {
    await store.append([entry]);
  }
  const { look, sent } = participantOf(store, {
    incarnation: 3,
    cannotStart: cannotStart(version),
  });
  await look();
  expect(sent).toMatchObject([
    { type: "started", cannotStart: isSaid ? cannotStart(version) : null },
  ]);
});

test("who is stuck tries again once for each time it is asked, when it has told that it runs", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgradeId)]);
  const [first] = coordinator([]);
  if (first) await store.append([first]);
  const stuck = participant("a1", [
    started(from),
    { type: "turnBackAsked" },
    { type: "undoFailed", reason },
  ]);
  for (const entry of stuck) await store.append([entry]);
  expect((await store.tail(`participant/a1/${upgradeId}`))?.state).toBe("blocked");
  await askAgain(store, "r1");
  const next = participantOf(store, { incarnation: 2 });
  await next.look();
  expect(next.sent.map(({ type }) => type)).toEqual(["started"]);
  expect(await asked(store)).toBe("r1");
  const same = participantOf(store);
  await same.look();
  await same.look();
  expect(same.keys).toEqual(["inbox/r1"]);
  expect(await asked(store)).toBe(null);
  await askAgain(store, "r2");
  await same.look();
  expect(same.keys).toEqual(["inbox/r1", "inbox/r2"]);
});

test("a build that fell back is tried once for each time it is asked, and by no earlier request", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, to);
  await join(store, "a1");
  const stepsVersion = async () => to;
  const { look, changes } = participantOf(store, {
    cannotStart: cannotStart(to),
    localJournal: { stepsVersion } as ParticipantWorld["localJournal"],
  });
  expect(await look()).toEqual({ blocked: "it does not come up" });
  await askAgain(store, "r1");
  expect(await look()).toEqual({ blocked: null });
  expect(await look()).toEqual({ blocked: "it does not come up" });
  expect(changes).toEqual([to]);
});

test.each([
  ["match an earlier version", "0.9.0"],
  ["match a later version", "2.0.0"],
])("an agent whose files %s: it says that it takes no part in the upgrade", async (_how, files) => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgradeId)]);
  for (const entry of coordinator([])) await store.append([entry]);
  const localJournal = { stepsVersion: async () => files } as ParticipantWorld["localJournal"];
  const { look } = participantOf(store, { localJournal });
  expect(await look()).toEqual({
    blocked: expect.stringMatching(`match ${files}, .* takes no part in ${upgradeId}`),
  });
});

test("an agent whose host runs the local steps up to the fleet's version is at work, and not stuck", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  for (const entry of participant("a1", [], 1, "provision-1")) await store.append([entry]);
  const { look } = participantOf(store);
  expect(await look()).toEqual({ blocked: null, isProvisioning: true });
});

test("a gate is shut though a look hangs on the disk since before the upgrade", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  let shut = 0;
  const { look, world } = participantOf(store, {
    gate: {
      isOpen: true,
      shut: async () => {
        shut += 1;
      },
    } as ParticipantWorld["gate"],
    localJournal: {
      stepsVersion: () => new Promise(() => {}),
    } as unknown as ParticipantWorld["localJournal"],
  });
  void look();
  await shutGateIfAway(world);
  expect(shut).toBe(0);
  await store.write([acceptWrite(from, to, upgradeId)]);
  await shutGateIfAway(world);
  expect(shut).toBe(1);
});
