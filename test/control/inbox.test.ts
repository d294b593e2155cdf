// Aim: what people ask for is answered where it can be judged: a retry is taken where somebody is stuck, be
// it the upgrade or one agent alone; nobody is called missing by a master that has not listened long enough.
// Method: the master's inbox over the memory store.
import { array, asyncProperty, assert as check, object } from "fast-check";
import { expect, test } from "vitest";
import { createFailureDetector } from "../../src/control/failure-detector.ts";
import {
  answerWrite,
  beginWrite,
  fileRequest,
  readAnswer,
  readInbox,
  withdrawWrite,
} from "../../src/control/inbox.ts";
import { acceptWrite, initializeVersions } from "../../src/control/versions.ts";
import { LockstepError, reasonOf } from "../../src/errors.ts";
import { collections, type Store, type Write } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import type { MasterWorld } from "../../src/upgrade/coordinator/requests/master-world.ts";
import { serveInbox } from "../../src/upgrade/coordinator/requests/serve-requests.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, from, join, to, upgradeId, ways } from "../upgrade/protocol/facts.ts";

const heard = { observe() {}, canJudgeSilence: () => true };

/** A fleet of one, and an upgrade of it that has come as far as these events lead. */
async function activeUpgrade(events: Parameters<typeof coordinator>[0]) {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgradeId)]);
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
  const store = await activeUpgrade([]);
  // The commit is on its way while the request is judged.
  const entry = coordinator(ways["done"] ?? []).at(-1);
  const engine = { send: async () => ({ kind: "ignored", entry }) };
  const world = { store, engine, failureDetector: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "abort", why: "too late" });
  await serveInbox(world);
  const message = expect.stringContaining("done");
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "wrong-state", message });
});

test("an abort is judged by the state that it meets", async () => {
  const store = await activeUpgrade([]);
  const [, ...rest] = coordinator(ways["blocked"] ?? []);
  // It turns back by itself, and is stuck, while the request is judged.
  const engine = {
    async send() {
      for (const entry of rest) await store.append([entry]);
      return { kind: "ignored", entry: rest.at(-1) };
    },
  };
  const world = { store, engine, failureDetector: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "abort", why: "too late" });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "conflict" });
  await serveInbox(world);
  const message = expect.stringContaining("mend the cause");
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "wrong-state", message });
});

test("an abort of what turns back already is a success", async () => {
  const store = await activeUpgrade(ways["rolling-back"] ?? []);
  await fileRequest(store, "r1", { kind: "abort", why: "again" });
  await serveInbox({ store, failureDetector: heard } as unknown as MasterWorld);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true, upgradeId });
});

test("with the upgrade stuck and an agent too, one request is for both", async () => {
  const store = await activeUpgrade(ways["blocked"] ?? []);
  const stuck = { collection: collections.agents, id: "a1", expect: {} };
  await store.write([{ ...stuck, set: { blocked: "its disk is full" } }]);
  const engine = {
    async send(_actor: string, _event: unknown, options: { writes: readonly Write[] }) {
      await store.write(options.writes);
      return { kind: "applied" };
    },
  };
  const world = { store, engine, failureDetector: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "retry" });
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true });
  expect(await store.get(collections.agents, "a1")).toMatchObject({ retry: "r1" });
});

test.each(["blocked", "done"])(
  "%s: each agent is asked by itself: its heartbeat is in no other's way",
  async (state) => {
    const store = await activeUpgrade(ways[state] ?? []);
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
        expect(agents.length).toBeLessThan(2);
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
    await serveInbox({ store: watched, engine, failureDetector: heard } as unknown as MasterWorld);
    expect(asked).toEqual(["a1", "a2", "a3"]);
    expect(await readAnswer(store, "r1")).toMatchObject({ ok: true });
  },
);

/** Two agents are stuck; something happens each time that a master is about to ask one of them. */
async function twoStuck(beforeAsking: (store: Store, id: string) => Promise<unknown>) {
  const store = await activeUpgrade([]);
  await join(store, "a2");
  for (const id of ["a1", "a2"]) {
    await store.write([
      { collection: collections.agents, id, expect: {}, set: { blocked: "full" } },
    ]);
  }
  const interrupted = {
    ...store,
    async write(writes: readonly Write[]) {
      const asked = writes.find(({ set }) => set && "retry" in set);
      if (asked) await beforeAsking(store, asked.id);
      return store.write(writes);
    },
  };
  const retryOf = async (id: string) => (await store.get(collections.agents, id))?.["retry"];
  const world = { store: interrupted, failureDetector: heard } as unknown as MasterWorld;
  return { store, world, retryOf };
}

test("who restarts again and again is asked nonetheless, and keeps nobody waiting", async () => {
  const { store, world, retryOf } = await twoStuck((store, id) =>
    store.write([
      { collection: collections.agents, id, expect: {}, increment: { incarnation: 1 } },
    ]),
  );
  await fileRequest(store, "r1", { kind: "retry" });
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true, message: "tries again: a1, a2" });
  expect([await retryOf("a1"), await retryOf("a2")]).toEqual(["r1", "r1"]);
});

test("a master that oversleeps while it asks one after the other asks nobody once it is answered", async () => {
  const { store, world, retryOf } = await twoStuck(async (store, id) => {
    if (id !== "a2") return;
    const answer = { ok: true, upgradeId: null, message: "by its successor" } as const;
    await store.write([answerWrite("r1", answer)]);
  });
  await fileRequest(store, "r1", { kind: "retry" });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "conflict" });
  expect([await retryOf("a1"), await retryOf("a2")]).toEqual(["r1", null]);
});

test("what has to be judged again keeps no later request waiting", async () => {
  const store = await activeUpgrade([]);
  const engine = {
    send: () => Promise.reject(new LockstepError("conflict", "another process keeps appending")),
  };
  const world = { store, engine, failureDetector: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "abort", why: "drawn" });
  await fileRequest(store, "r2", { kind: "forget", agent: "nobody" });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "conflict" });
  expect(await readAnswer(store, "r1")).toBe(null);
  expect(await readAnswer(store, "r2")).toMatchObject({ ok: false, code: "unknown-agent" });
});

test("what nobody waits for any more is withdrawn by the next master, unless it has begun", async () => {
  let nowMs = 1_000;
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await join(store, "a1", { startable: [from, to] });
  const preflight = () => Promise.reject(new Error("nobody asks"));
  const world = { store, preflight, failureDetector: heard } as unknown as MasterWorld;
  await fileRequest(store, "r1", { kind: "upgrade", to, deadlines: {} }, 30_000);
  await fileRequest(store, "r2", { kind: "retry" }, 30_000);
  await store.write([beginWrite("r2")]);
  nowMs += 30_000 + limits.requestSlackMs + 1;
  // Its client may have begun to wait only when the request was there.
  await fileRequest(store, "r3", { kind: "forget", agent: "nobody" }, 30_000);
  nowMs += 30_001;
  await serveInbox(world);
  expect(await readAnswer(store, "r3")).toMatchObject({ ok: false, code: "unknown-agent" });
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "no-master" });
  expect(await readAnswer(store, "r2")).toMatchObject({ ok: true });
});

test("a retry that has begun is answered so, and cannot be withdrawn: nobody being stuck any more is its success", async () => {
  const store = await activeUpgrade([]);
  await fileRequest(store, "r1", { kind: "retry" });
  await store.write([beginWrite("r1")]);
  expect(await store.write([withdrawWrite("r1")])).toBe(0);
  await serveInbox({ store, failureDetector: heard } as unknown as MasterWorld);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: true });
});

test("what was withdrawn is judged by nobody", async () => {
  const store = await activeUpgrade([]);
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
  const world = { store, preflight, failureDetector: heard } as unknown as MasterWorld;
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
  expect(await store.write([acceptWrite(from, to, upgradeId)])).toBe(null);
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
  const world = { store, engine, failureDetector: heard } as unknown as MasterWorld;
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
  const failureDetector = { observe() {}, canJudgeSilence: () => false };
  await fileRequest(store, "r1", { kind: "forget", agent: "a1" });
  await serveInbox({ store, failureDetector } as unknown as MasterWorld);
  const message = expect.stringContaining("ask again");
  expect(await readAnswer(store, "r1")).toMatchObject({ code: "heartbeat-fresh", message });
});

test("a master that is new does not call missing whom it could not hear yet", async () => {
  let nowMs = 100_000;
  const store = createMemoryStore({ now: () => nowMs });
  await initializeVersions(store, from);
  await join(store, "a1");
  nowMs += limits.heartbeatStaleMs + 1_000;
  const failureDetector = createFailureDetector({ monotonicMs: () => nowMs }, nowMs);
  const world = { store, failureDetector } as MasterWorld;
  await fileRequest(store, "r1", { kind: "upgrade", to, deadlines: {} });
  await expect(serveInbox(world)).rejects.toMatchObject({ code: "database-unreachable" });
  expect(await readAnswer(store, "r1")).toBe(null);
  for (let second = 0; second <= limits.heartbeatStaleMs / 1_000; second += 1) {
    nowMs += 1_000;
    failureDetector.observe(nowMs);
  }
  await serveInbox(world);
  expect(await readAnswer(store, "r1")).toMatchObject({ ok: false, code: "peers-missing" });
});

test("as many as a pass serves, then the upgrade has its turn; more than may wait are refused", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  const most = limits.requestsWaitingMax;
  for (let number = 0; number < most; number += 1) {
    await fileRequest(store, `r${number}`, { kind: "retry" });
  }
  const late = fileRequest(store, "late", { kind: "retry" });
  await expect(late).rejects.toMatchObject({ code: "too-many-requests" });
  // By hand, or by clients that have all seen the same room.
  const first = await store.get(collections.inbox, "r0");
  const set = first as NonNullable<Write["set"]>;
  await store.write([{ collection: collections.inbox, id: "s", expect: null, set }]);
  expect(await serveInbox({ store } as MasterWorld)).toEqual({ isMore: true, passedOver: 0 });
  expect(await readAnswer(store, "s")).toMatchObject({ code: "too-many-requests" });
  expect(await readInbox(store, most)).toHaveLength(most - limits.requestsPerPassMax);
  while ((await serveInbox({ store } as MasterWorld)).isMore);
  expect(await readInbox(store)).toEqual([]);
});

test("those that cannot even be answered are passed over, however many come first", async () => {
  const memory = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(memory, from);
  const broken = { collection: collections.inbox, expect: null, set: { at: 0, answer: null } };
  const many = 3 * limits.requestsWaitingMax;
  for (let number = 0; number < many; number += 1) {
    await memory.write([{ ...broken, id: `broken ${number}` }]);
  }
  const store: Store = {
    ...memory,
    async write(writes: readonly Write[]) {
      if (writes[0]?.id.startsWith("broken")) throw new Error("too large");
      return memory.write(writes);
    },
  };
  const world = { store, log: silentLog } as unknown as MasterWorld;
  await memory.write([
    {
      collection: collections.inbox,
      id: "r1",
      expect: null,
      set: { at: 1, waitedForUntil: 2_000, answer: null, begun: false, request: { kind: "retry" } },
    },
  ]);
  let served = await serveInbox(world);
  while (served.isMore) served = await serveInbox(world, served.passedOver);
  expect(await readAnswer(store, "r1")).toMatchObject({ code: "no-upgrade" });
});

test("whatever stands in a request, it is answered and keeps no later one waiting", async () => {
  await check(
    asyncProperty(array(object({ withNullPrototype: false }), { maxLength: 30 }), async (drawn) => {
      const store = createMemoryStore({ now: () => 1_000 });
      await initializeVersions(store, from);
      for (const [number, set] of drawn.entries()) {
        const write = { collection: collections.inbox, id: `r${number}`, expect: null };
        const { answer: _answer, ...others } = set;
        await store.write([{ ...write, set: others as NonNullable<Write["set"]> }]);
      }
      await fileRequest(store, "last", { kind: "retry" });
      const world = { store, log: silentLog } as unknown as MasterWorld;
      while ((await serveInbox(world)).isMore);
      expect(await readAnswer(store, "last")).toMatchObject({ code: "no-upgrade" });
      expect(await readInbox(store)).toEqual([]);
    }),
  );
});

test("an answer and a reason are bounded, whatever an error carries", () => {
  const message = "x".repeat(9 * 1024 * 1024);
  const cyclic: Record<string, unknown> = {};
  cyclic["itself"] = cyclic;
  for (const details of [{ message }, cyclic, { big: 5n }]) {
    const reason = reasonOf(new LockstepError("step-failed", message, details));
    expect(JSON.stringify(reason).length).toBeLessThan(limits.requestBytesMax);
  }
});
