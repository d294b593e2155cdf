// Aim: an agent's record that lacks fields, or holds others than an agent writes, is named, keeps no upgrade waiting,
// can be forgotten and registered anew; one that was heard lately is never taken for shut. Method: the memory store.
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
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { collections, type Entry, type Plain, type Store } from "../../src/store/store.ts";
import { isSilent, readAgents } from "../../src/upgrade/agents.ts";
import { fromRecords } from "../../src/upgrade/derive.ts";
import { fileRequest, readAnswer } from "../../src/upgrade/inbox.ts";
import { type MasterWorld, serveInbox } from "../../src/upgrade/master-loop.ts";
import { readStatus } from "../../src/upgrade/status.ts";
import { initializeVersions } from "../../src/upgrade/versions.ts";
import { viewOf } from "../../src/upgrade/views.ts";
import { coordinator, from, join, record, ways } from "./facts.ts";

const nowMs = 100_000;
const hearing = { looked() {}, hasListened: () => true };
const waiting = viewOf<UpgradeContext>(coordinator(ways["waiting"] ?? []).at(-1) as Entry);
const isShut = async (store: Store) =>
  fromRecords(waiting, await readAgents(store), (one) => isSilent(one, nowMs)).length > 0;

async function withRecord(set: Record<string, Plain>) {
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await store.write([{ collection: collections.agents, id: "x", expect: null, set }]);
  return store;
}

async function forget(store: Store) {
  await fileRequest(store, "r1", { kind: "forget", agent: "x" });
  await serveInbox({ store, hearing } as unknown as MasterWorld);
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
