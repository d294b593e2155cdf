// Aim: what people ask for is answered where it can be judged: a retry is taken where somebody is stuck, be
// it the upgrade or one agent alone; nobody is called missing by a master that has not listened long enough.
// Method: the master's inbox over the memory store.
import { expect, test } from "vitest";
import { LockstepError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { collections, type Write } from "../../src/store/store.ts";
import { createHearing } from "../../src/upgrade/hearing.ts";
import {
  beginWrite,
  fileRequest,
  readAnswer,
  readInbox,
  withdrawWrite,
} from "../../src/upgrade/inbox.ts";
import { type MasterWorld, serveInbox } from "../../src/upgrade/master-loop.ts";
import { acceptWrite, initializeVersions } from "../../src/upgrade/versions.ts";
import { coordinator, from, join, to, upgrade, ways } from "./facts.ts";

const heard = { looked() {}, hasListened: () => true };

/** A fleet of one, and an upgrade of it that has come as far as these events lead. */
async function underWay(events: Parameters<typeof coordinator>[0]) {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgrade)]);
  for (const entry of coordinator(events)) await store.append([entry]);
  return store;
}

test("after the commit: the agent that is stuck tries again; with nobody stuck it is refused", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a3", { role: "machine" });
  const world = { store } as MasterWorld;
  await fileRequest(store, "r1", { kind: "retry" });
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "no-upgrade" });
  const stuck = { collection: collections.agents, id: "a3", expect: {} };
  await store.write([{ ...stuck, set: { blocked: "its disk is full" } }]);
  await fileRequest(store, "r2", { kind: "retry" });
  await serveInbox(world);
  expect(await readAnswer(store, "r2")).toMatchObject({ ok: true, message: "tries again: a3" });
  expect(await store.get(collections.agents, "a3")).toMatchObject({ retry: "r2" });
});

test("an abort that finds the upgrade committed is refused", async () => {
  const store = await underWay([]);
  // The commit is on its way while the request is judged.
  const entry = coordinator(ways["done"] ?? []).at(-1);
  const engine = { send: async () => ({ kind: "ignored", entry }) };
  const world = { store, engine, hearing: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "abort", why: "too late" });
  await serveInbox(world);
  const message = expect.stringContaining("done");
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "wrong-state", message });
});

test("an abort is judged by the state that it meets", async () => {
  const store = await underWay([]);
  const [, ...rest] = coordinator(ways["blocked"] ?? []);
  // It turns back by itself, and is stuck, while the request is judged.
  const engine = {
    async send() {
      for (const entry of rest) await store.append([entry]);
      return { kind: "ignored", entry: rest.at(-1) };
    },
  };
  const world = { store, engine, hearing: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "abort", why: "too late" });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "conflict" });
  await serveInbox(world);
  const message = expect.stringContaining("mend the cause");
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "wrong-state", message });
});

test("an abort of what turns back already is a success", async () => {
  const store = await underWay(ways["rolling-back"] ?? []);
  await fileRequest(store, "r1", { kind: "abort", why: "again" });
  await serveInbox({ store, hearing: heard } as unknown as MasterWorld);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true, upgrade });
});

test("with the upgrade stuck and an agent too, one request is for both", async () => {
  const store = await underWay(ways["blocked"] ?? []);
  const stuck = { collection: collections.agents, id: "a1", expect: {} };
  await store.write([{ ...stuck, set: { blocked: "its disk is full" } }]);
  const engine = {
    async send(_actor: string, _event: unknown, options: { writes: readonly Write[] }) {
      await store.write(options.writes);
      return { kind: "applied" };
    },
  };
  const world = { store, engine, hearing: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "retry" });
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true });
  expect(await store.get(collections.agents, "a1")).toMatchObject({ retry: "r1" });
});

test.each(["blocked", "done"])(
  "%s: each agent is asked by itself: its heartbeat is in no other's way",
  async (state) => {
    const store = await underWay(ways[state] ?? []);
    for (const agent of ["a2", "a3"]) await join(store, agent);
    for (const id of ["a1", "a2", "a3"]) {
      await store.write([
        { collection: collections.agents, id, expect: {}, set: { blocked: "full" } },
      ]);
    }
    const asked: string[] = [];
    const watched = {
      ...store,
      write(writes: readonly Write[]) {
        const agents = writes.filter(({ collection }) => collection === collections.agents);
        if (agents.length > 0) expect(writes).toHaveLength(1);
        asked.push(...agents.map(({ id }) => id));
        return store.write(writes);
      },
    };
    const engine = {
      async send(_actor: string, _event: unknown, options: { writes: readonly Write[] }) {
        await watched.write(options.writes);
        return { kind: "applied" };
      },
    };
    await fileRequest(store, "r1", { kind: "retry" });
    await serveInbox({ store: watched, engine, hearing: heard } as unknown as MasterWorld);
    expect(asked).toEqual(["a1", "a2", "a3"]);
    expect(await readAnswer(store, "r1")).toMatchObject({ ok: true });
  },
);

test("who restarts while it is asked is asked again", async () => {
  const store = await underWay([]);
  const stuck = { collection: collections.agents, id: "a1", expect: {} };
  await store.write([{ ...stuck, set: { blocked: "full" } }]);
  let restarts = 1;
  const restarting = {
    ...store,
    async write(writes: readonly Write[]) {
      const asks = writes.some(({ set }) => set && "retry" in set);
      if (asks && restarts-- > 0) await store.write([{ ...stuck, set: { incarnation: 7 } }]);
      return store.write(writes);
    },
  };
  const world = { store: restarting, hearing: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "retry" });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "conflict" });
  expect(await readAnswer(store, "r1")).toBe(null);
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true, message: "tries again: a1" });
  expect(await store.get(collections.agents, "a1")).toMatchObject({ retry: "r1" });
});

test("a retry that has begun is answered so, and cannot be withdrawn: nobody being stuck any more is its success", async () => {
  const store = await underWay([]);
  await fileRequest(store, "r1", { kind: "retry" });
  await store.write([beginWrite("r1")]);
  expect(await store.write([withdrawWrite("r1")])).toBe(0);
  await serveInbox({ store, hearing: heard } as unknown as MasterWorld);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true });
});

test("what was withdrawn is judged by nobody", async () => {
  const store = await underWay([]);
  await fileRequest(store, "r1", { kind: "retry" });
  const [item] = await readInbox(store);
  expect(await store.write([withdrawWrite("r1")])).toBe(null);
  expect(await readInbox(store)).toEqual([]);
  expect(await store.write([beginWrite(item?.id ?? "")])).toBe(0);
});

test("what was answered is not read again, and is kept for a day", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await fileRequest(store, "r1", { kind: "retry" });
  expect(await readInbox(store)).toHaveLength(1);
  await serveInbox({ store } as MasterWorld);
  expect(await readInbox(store)).toEqual([]);
  const expiresAt = new Date(1_000 + limits.requestKeptMs);
  expect(await store.get(collections.inbox, "r1")).toMatchObject({ expiresAt });
});

test("a request that cannot be judged is answered so, and keeps no later one waiting", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1", { startable: [from, to] });
  const preflight = () => Promise.reject(new Error("not authorized on admin"));
  const world = { store, preflight, hearing: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "upgrade", to, deadlines: {} });
  await fileRequest(store, "r2", { kind: "retry" });
  await serveInbox(world);
  const message = expect.stringContaining("not authorized on admin");
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "unexpected", message });
  expect(await readAnswer(store, "r2")).toMatchObject({ ok: false, code: "no-upgrade" });
});

test("who is back before it is forgotten stays in the upgrade", async () => {
  let nowMs = 0;
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await join(store, "a1");
  expect(await store.write([acceptWrite(from, to, upgrade)])).toBe(null);
  await store.append(coordinator([]));
  nowMs = 100_000;
  let sent = 0;
  const engine = {
    // It registers between the look and the write.
    async send(_actor: string, _event: unknown, options: { writes: readonly Write[] }) {
      sent += 1;
      await join(store, "a1");
      const refused = await store.write(options.writes);
      if (refused !== null) throw new LockstepError("conflict", "refused");
      return { kind: "applied" };
    },
  };
  const world = { store, engine, hearing: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "forget", agent: "a1" });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "conflict" });
  expect(sent).toBe(1);
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "heartbeat-fresh" });
  expect(sent).toBe(1);
});

test("nobody is forgotten before it is known whether it is alive", async () => {
  let nowMs = 0;
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await join(store, "a1");
  nowMs = 100_000;
  const hearing = { looked() {}, hasListened: () => false };
  await fileRequest(store, "r1", { kind: "forget", agent: "a1" });
  await serveInbox({ store, hearing } as unknown as MasterWorld);
  const message = expect.stringContaining("ask again");
  expect(await readAnswer(store, "r1")).toMatchObject({ code: "heartbeat-fresh", message });
});

test("a master that is new does not call missing whom it could not hear yet", async () => {
  let nowMs = 100_000;
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await join(store, "a1");
  nowMs += limits.heartbeatStaleMs + 1_000;
  const hearing = createHearing({ monotonicMs: () => nowMs }, nowMs);
  const world = { store, hearing } as MasterWorld;
  await fileRequest(store, "r1", { kind: "upgrade", to, deadlines: {} });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "database-unreachable" });
  expect(await readAnswer(store, "r1")).toBe(null);
  for (let second = 0; second <= limits.heartbeatStaleMs / 1_000; second += 1) {
    nowMs += 1_000;
    hearing.looked(nowMs);
  }
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "peers-missing" });
});
