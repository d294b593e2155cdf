// Aim: what this build cannot read keeps it from the upgrade under way alone: an old entry keeps nobody from the lease,
// status and history tell it, an agent shuts its gate, says why, and hands over once to the build that can.
// Method: the loops over the memory store, with journals as another build would have written them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acceptWrite, initializeVersions } from "../../src/control/versions.ts";
import type { Entry } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { readHistory } from "../../src/operator/history.ts";
import { fleetInvariants } from "../../src/operator/invariants.ts";
import { readStatus } from "../../src/operator/status.ts";
import { mayBeMaster, readActiveUpgrade } from "../../src/upgrade/coordinator/active-upgrade.ts";
import { unreadable } from "../../src/upgrade/fleet-journal.ts";
import { reconcile } from "../../src/upgrade/participant/participant-loop.ts";
import type { ParticipantWorld } from "../../src/upgrade/participant/participant-world.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, from, join, participant, to, upgradeId, ways } from "./protocol/facts.ts";

const heard = { observe() {}, canJudgeSilence: () => true };
const foreign = { machine: "elsewhere", build: "9.0.0" };

async function fleet(entries: readonly Entry[], isActive: boolean) {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  if (isActive) await store.write([acceptWrite(from, to, upgradeId)]);
  for (const entry of entries) await store.append([entry]);
  return store;
}

function withForeignTail(entries: readonly Entry[]): Entry[] {
  return entries.map((entry, index) =>
    index === entries.length - 1 ? { ...entry, ...foreign } : entry,
  );
}

function agentOn(store: ParticipantWorld["store"], more: Partial<ParticipantWorld> = {}) {
  const done: string[] = [];
  const world = {
    store,
    engine: {},
    gate: { isOpen: false, isOpening: false, shut: async () => {}, open: async () => true },
    agent: "a1",
    role: "state-server",
    incarnation: 1,
    version: from,
    steps: [],
    startable: [from, to, "9.0.0"],
    cannotStart: null,
    async writeWantedVersion(version: string, because?: object) {
      done.push(`wants ${version}: ${(because as { code: string }).code}`);
    },
    leave: () => done.push("leaves"),
    wasTakenOver: () => true,
    localJournal: { stepsVersion: async () => from },
    log: silentLog,
    ...more,
  } as unknown as ParticipantWorld;
  return { world, done };
}

describe("the slot's upgrade", () => {
  test("that cannot be read: no lease; status says why and which version can; history does too", async () => {
    const store = await fleet(withForeignTail(coordinator(ways["waiting"] ?? [])), true);
    await expect(readActiveUpgrade(store, heard)).rejects.toMatchObject({
      code: "entry-not-readable",
    });
    const reason = { code: "entry-not-readable", message: expect.stringContaining("9.0.0") };
    expect(await readStatus(store)).toMatchObject({ upgrade: { upgradeId, reason } });
    expect(await readHistory(store)).toMatchObject([{ upgradeId, reason }]);
  });

  test("its agent says so, and hands over to the version that can, once", async () => {
    const store = await fleet(withForeignTail(coordinator(ways["waiting"] ?? [])), true);
    const handing = agentOn(store);
    const blocked = expect.stringContaining("9.0.0");
    expect(await reconcile(handing.world)).toEqual({ blocked });
    expect(handing.done).toEqual(["wants 9.0.0: entry-not-readable", "leaves"]);
    const cannotStart = { code: "", message: "", details: { version: "9.0.0" } };
    for (const more of [{ cannotStart }, { startable: [from] }, { role: "machine" as const }]) {
      const staying = agentOn(store, more);
      expect(await reconcile(staying.world)).toEqual({ blocked });
      expect(staying.done).toEqual([]);
    }
  });
});

test("an old upgrade that cannot be read keeps nobody from the lease, and an agent at rest serves", async () => {
  const old = [...coordinator(ways["done"] ?? []), ...participant("a1", [])];
  const entries = old.map((entry) => ({ ...entry, ...foreign, status: "done" }));
  const store = await fleet(entries, false);
  const activeUpgrade = await readActiveUpgrade(store, heard);
  expect(mayBeMaster(activeUpgrade, { agent: "a1", version: from })).toBe(true);
  expect(await reconcile(agentOn(store).world)).toEqual({ blocked: null });
  expect((await readStatus(store)).upgrade?.reason?.code).toBe("entry-not-readable");
});

test("a participant of its own that is not over: the agent stays up with its gate shut, and says why", async () => {
  const store = await fleet(withForeignTail(participant("a1", [])), false);
  const { world, done } = agentOn(store, { startable: [from] });
  const opened: string[] = [];
  const gate = { ...world.gate, open: async () => opened.push("open") > 0 };
  expect(await reconcile({ ...world, gate })).toEqual({
    blocked: expect.stringContaining("participant/a1"),
  });
  expect([...opened, ...done]).toEqual([]);
});

test("no snapshot of another build makes the pure rules throw", () => {
  const [tail] = coordinator(ways["migrating"] ?? []).slice(-1) as [Entry];
  const drawn = fc.record(
    {
      value: fc.constantFrom("migrating", "gone"),
      status: fc.constant("active"),
      context: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(drawn, fc.jsonValue()), (snapshot) => {
      const entry = { ...tail, snapshot: JSON.stringify(snapshot) ?? "" };
      expect(unreadable(entry)?.code).toBe("entry-not-readable");
      const versions = { agentVersion: to, databaseVersion: to, upgradeId, generation: 2 };
      const journals = { [entry.actor]: [entry] };
      fleetInvariants({ versions, agents: [], journals, fenceEpoch: 9 });
    }),
  );
});
