// Aim: a control record that lacks fields, or holds others than are written there, is named and fails safe. One of an
// agent keeps no upgrade waiting, can be forgotten and registered anew, and is never taken for shut where the agent was
// heard lately. Method: the memory store.
import {
  asyncProperty,
  assert as check,
  constantFrom,
  dictionary,
  jsonValue,
  string,
} from "fast-check";
import { expect, test } from "vitest";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { isSilent, readAgents } from "../../src/control/agents.ts";
import { fileRequest, readAnswer } from "../../src/control/inbox.ts";
import { initializeVersions } from "../../src/control/versions.ts";
import { collections, type Entry, type Plain, type Store } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { readStatus } from "../../src/operator/status.ts";
import { hasBegun } from "../../src/upgrade/coordinator/effects/acting.ts";
import type { MasterWorld } from "../../src/upgrade/coordinator/requests/master-world.ts";
import { serveInbox } from "../../src/upgrade/coordinator/requests/serve-requests.ts";
import { viewOf } from "../../src/upgrade/fleet-journal.ts";
import { reconcile, shutGateIfAway } from "../../src/upgrade/participant/participant-loop.ts";
import type { ParticipantWorld } from "../../src/upgrade/participant/participant-world.ts";
import { fromRecords } from "../../src/upgrade/protocol/derive.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, from, join, record, ways } from "../upgrade/protocol/facts.ts";

const nowMs = 100_000;
const failureDetector = { observe() {}, canJudgeSilence: () => true };
const waiting = viewOf<UpgradeContext>(coordinator(ways["waiting"] ?? []).at(-1) as Entry);
const isShut = async (store: Store) =>
  fromRecords(waiting, await readAgents(store), (one) =>
    isSilent(one, nowMs) ? "absent" : "heard",
  ).some(({ event }) => event.type === "gatesShut");

async function withRecord(set: Record<string, Plain>) {
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await store.write([{ collection: collections.agents, id: "x", expect: null, set }]);
  return store;
}

async function forget(store: Store) {
  await fileRequest(store, "r1", { kind: "forget", agent: "x" });
  await serveInbox({ store, failureDetector } as unknown as MasterWorld);
  return readAnswer(store, "r1");
}

test("a record without fields is named, keeps no upgrade waiting, and can be forgotten", async () => {
  const store = await withRecord({});
  expect(await isShut(store)).toBe(true);
  const [shown] = (await readStatus(store)).agents;
  expect(shown).toMatchObject({ agent: "x", silent: true });
  expect(shown?.blocked).toContain("role: expected one of state-server, machine, found nothing");
  expect(await forget(store)).toMatchObject({ ok: true });
  expect(await readAgents(store)).toEqual([]);
});

test("one that was heard lately, and whose gate cannot be read, is not taken for shut", async () => {
  const { gate: _gate, agent: _agent, ...others } = record("x", { lastSeenAt: nowMs });
  const store = await withRecord(others as unknown as Record<string, Plain>);
  expect(await isShut(store)).toBe(false);
  expect(await forget(store)).toMatchObject({ code: "heartbeat-fresh" });
});

test("whatever stands in a record: it is read, shown, and written anew by its agent, with what it owes", async () => {
  const { agent: _agent, ...known } = record("x", { lastSeenAt: nowMs });
  const fieldNames = constantFrom(...Object.keys(known), "other");
  await check(
    asyncProperty(dictionary(fieldNames, jsonValue()), string(), async (drawn, owes) => {
      const store = await withRecord({ ...drawn, owes, forgotten: false } as Record<string, Plain>);
      expect((await readStatus(store)).agents).toHaveLength(1);
      await isShut(store);
      const incarnation = await join(store, "x");
      expect(incarnation).toBeGreaterThan(0);
      const [anew] = await readAgents(store);
      expect(anew).toMatchObject({ incarnation, owes, blocked: null, gate: "shut" });
    }),
  );
});

/** Each field in turn: gone, null, or of another type. */
const brokenForms = (whole: Readonly<Record<string, Plain>>, nullable: readonly string[] = []) =>
  Object.keys(whole).flatMap((field) =>
    [undefined, null, { not: "this" }]
      .filter((value) => value !== null || !nullable.includes(field))
      .map((value) => ({ field, value })),
  );

async function breakRecord(
  store: Store,
  collection: string,
  id: string,
  field: string,
  value: unknown,
) {
  const write = { collection, id, expect: {} };
  await store.write([
    value === undefined
      ? { ...write, remove: [field] }
      : { ...write, set: { [field]: value as Plain } },
  ]);
}

const wholeVersions = { agentVersion: from, databaseVersion: from, upgradeId: null, generation: 1 };

test.each(brokenForms(wholeVersions, ["upgradeId"]))(
  "versions whose $field is $value are named, and shut every gate",
  async ({ field, value }) => {
    const store = createMemoryStore({ now: () => nowMs });
    await initializeVersions(store, from);
    const asked: string[] = [];
    const gate = {
      isOpen: true,
      isOpening: false,
      shut: async () => void asked.push("shut"),
      open: async () => asked.push("open"),
    };
    const world = { store, gate, version: from, log: silentLog } as unknown as ParticipantWorld;
    await shutGateIfAway(world);
    expect(asked).toEqual([]);
    await breakRecord(store, "versions", "versions", field, value);
    const named = { code: "record-broken", message: expect.stringContaining(`${field}: expected`) };
    await expect(shutGateIfAway(world)).rejects.toMatchObject(named);
    expect(asked).toEqual(["shut"]);
    expect((await reconcile(world)).blocked).toContain(`${field}: expected`);
    await expect(readStatus(store)).rejects.toMatchObject(named);
  },
);

test("versions that are gone shut every gate", async () => {
  const store = createMemoryStore({ now: () => nowMs });
  let shut = 0;
  const gate = {
    isOpen: true,
    shut: async () => {
      shut += 1;
    },
  };
  const world = { store, gate, version: from, log: silentLog } as unknown as ParticipantWorld;
  await shutGateIfAway(world);
  expect(shut).toBe(1);
  expect((await reconcile(world)).blocked).toContain("no version is declared");
});

const wholeFence = {
  epoch: 3,
  progress: { upgradeId: "u1", step: 0, operation: 0, batches: 0 },
  sessions: [] as string[],
};
const wholeLease = { holder: "a1", epoch: 3, nonce: "n", appName: "a" };

test.each([
  ...brokenForms(wholeFence)
    .filter(({ field, value }) => field === "epoch" || value !== undefined)
    .map((form) => ({ collection: "fences", whole: wholeFence, ...form })),
  ...brokenForms(wholeLease, ["holder"]).map((form) => ({
    ...{ collection: "leases", whole: wholeLease },
    ...form,
  })),
])(
  "a record of $collection whose $field is $value is named before anything is asked of a master",
  async ({ collection, whole, field, value }) => {
    const store = createMemoryStore({ now: () => nowMs });
    await initializeVersions(store, from);
    await store.write([{ collection, id: "master", expect: null, set: whole }]);
    await readStatus(store);
    await breakRecord(store, collection, "master", field, value);
    await expect(readStatus(store)).rejects.toMatchObject({
      code: "record-broken",
      message: expect.stringContaining(field),
      details: { collection, id: "master" },
    });
  },
);

test("a fence that is gone or broken is not taken for live data that nobody has changed", async () => {
  const store = createMemoryStore({ now: () => nowMs });
  const broken = { code: "record-broken" };
  await expect(hasBegun({ store }, "u1")).rejects.toMatchObject(broken);
  await store.write([{ collection: "fences", id: "master", expect: null, set: wholeFence }]);
  expect(await hasBegun({ store }, "u1")).toBe(true);
  expect(await hasBegun({ store }, "u2")).toBe(false);
  await breakRecord(store, "fences", "master", "progress", {});
  await expect(hasBegun({ store }, "u1")).rejects.toMatchObject(broken);
});
