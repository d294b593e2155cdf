// Aim: S1, S8: a gate opens only while the versions agree, and only the four transactions move them.
// Method: the real writes on a memory store, in every order.
import { expect, test } from "vitest";
import { readAgents, register } from "../../../src/control/agents.ts";
import {
  acceptWrite,
  commitWrite,
  endRollBackWrites,
  initializeVersions,
  readVersions,
  turnBackWrite,
} from "../../../src/control/versions.ts";
import { collections, documentIds, type Store, type Write } from "../../../src/journal/store.ts";
import { silentLog } from "../../../src/log.ts";
import { createGate } from "../../../src/upgrade/participant/gate/gate.ts";
import { drainPorts } from "../../support/drain-ports.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const [from, to, upgradeId] = ["1.0.0", "1.1.0", "u000002"];
const writes: Readonly<Record<string, readonly Write[]>> = {
  accept: [acceptWrite(from, to, upgradeId)],
  turnBack: [turnBackWrite(from, to, upgradeId)],
  commit: [commitWrite(from, to, upgradeId)],
  endRollBack: endRollBackWrites(from, to, upgradeId, []),
};

async function world() {
  const store = createMemoryStore({ now: () => 0 });
  await initializeVersions(store, from);
  return store;
}

async function agent(store: Store, version: string, listener = {}, keepVersion = async () => {}) {
  const facts = {
    role: "state-server" as const,
    version,
    startable: [],
    backups: [],
    memberTrouble: null,
    freeBytes: 0,
  };
  const incarnation = await register(store, "a1", {
    ...facts,
    incarnationAtLeast: 1,
    host: "",
    pid: 1,
  });
  const gate = createGate({
    store,
    agent: "a1",
    incarnation,
    version,
    listener: { onOpen() {}, onShut() {}, ...listener },
    ...{ drain: drainPorts(), safeMode: null, keepVersion },
    log: silentLog,
  });
  return gate;
}

test("of all orders of the four transactions, only the ways of an upgrade are taken", async () => {
  const next: Readonly<Record<string, readonly string[]>> = {
    rest: ["accept"],
    accepted: ["turnBack", "commit"],
    // Leaving blocked turns back once more: that changes nothing.
    turnedBack: ["turnBack", "endRollBack"],
  };
  const into: Readonly<Record<string, string>> = {
    accept: "accepted",
    turnBack: "turnedBack",
    commit: "end",
    endRollBack: "end",
  };
  const walk = async (path: readonly string[], state: string) => {
    if (path.length > 4) return;
    for (const name of Object.keys(writes)) {
      const store = await world();
      for (const taken of path) expect(await store.write(writes[taken] ?? [])).toBe(null);
      const allowed = next[state]?.includes(name) ?? false;
      const refused = await store.write(writes[name] ?? []);
      expect(refused === null, `${[...path, name]}`).toBe(allowed);
      if (allowed) await walk([...path, name], into[name] ?? "");
    }
  };
  await walk([], "rest");
});

test("an upgrade's id is used once, even after it was rolled back", async () => {
  const store = await world();
  for (const name of ["accept", "turnBack", "endRollBack"]) await store.write(writes[name] ?? []);
  expect(await readVersions(store)).toMatchObject({ agentVersion: from, upgradeId: null });
  expect(await store.write(writes["accept"] ?? [])).toBe(0);
});

test("the gate opens on the fleet's version only, never in transition, never in debt", async () => {
  const store = await world();
  expect(await (await agent(store, to)).open()).toBe(false);
  const gate = await agent(store, from);
  await store.write(writes["accept"] ?? []);
  expect(await gate.open()).toBe(false);
  await store.write(writes["turnBack"] ?? []);
  expect(await gate.open()).toBe(false);
  await store.write(endRollBackWrites(from, to, upgradeId, ["a1"]));
  expect(await gate.open()).toBe(false);
  await store.write([{ collection: "agents", id: "a1", expect: {}, set: { owes: null } }]);
  expect(await gate.open()).toBe(true);
  expect((await readAgents(store))[0]?.gate).toBe("open");
});

test("an older process of an agent can neither open nor shut", async () => {
  const store = await world();
  const old = await agent(store, from);
  const young = await agent(store, from);
  expect(await old.open()).toBe(false);
  expect(await young.open()).toBe(true);
  await old.shut();
  expect((await readAgents(store))[0]?.gate).toBe("open");
});

test("its version is the launcher's default before the application begins, or the gate says why it is shut", async () => {
  const store = await world();
  const order: string[] = [];
  let isFull = true;
  const onOpen = () => void order.push("begun");
  const gate = await agent(store, from, { onOpen }, async () => {
    if (isFull) throw new Error("no room on this host");
    order.push("kept");
  });
  await expect(gate.open()).rejects.toThrow("no room");
  expect((await readAgents(store))[0]?.gate).toBe("shut");
  expect(gate.why).toContain("no room on this host");
  isFull = false;
  gate.lift();
  expect(await gate.open()).toBe(true);
  expect(order).toEqual(["kept", "begun"]);
  expect(gate.why).toBe(null);
});

test("it shuts after the application has drained", async () => {
  const store = await world();
  const order: string[] = [];
  const gate = await agent(store, from, {
    async onShut() {
      order.push(`drained while ${(await readAgents(store))[0]?.gate}`);
    },
  });
  await gate.open();
  await gate.shut();
  order.push(`then ${(await readAgents(store))[0]?.gate}`);
  expect(order).toEqual(["drained while open", "then shut"]);
  expect(gate.isOpen).toBe(false);
});

test("it shuts in transition and in debt as well", async () => {
  for (const meanwhile of [
    writes["accept"] ?? [],
    endRollBackWrites(from, to, upgradeId, ["a1"]).slice(1),
  ]) {
    const store = await world();
    const gate = await agent(store, from);
    await gate.open();
    expect(await store.write(meanwhile)).toBe(null);
    await gate.shut();
    expect((await readAgents(store))[0]?.gate).toBe("shut");
  }
});

test("opened twice it tells the application once; shut while it is shut it tells it nothing", async () => {
  const store = await world();
  const told: string[] = [];
  const gate = await agent(store, from, {
    onOpen: () => told.push("opened"),
    onShut: () => told.push("shut"),
  });
  await gate.shut();
  expect(told).toEqual([]);
  expect([await gate.open(), await gate.open(), gate.isOpen]).toEqual([true, true, true]);
  expect(told).toEqual(["opened"]);
});

test("an opening changes the versions document, so that no acceptance commits beside it", async () => {
  const store = await world();
  await (await agent(store, from)).open();
  const stored = await store.get(collections.versions, documentIds.versions);
  expect(stored).toMatchObject({ openings: 1 });
});

test("two that want it shut wait for one drain", async () => {
  const store = await world();
  let drains = 0;
  let drained = () => {};
  const gate = await agent(store, from, {
    onShut: () => {
      drains += 1;
      return new Promise<void>((resolve) => {
        drained = resolve;
      });
    },
  });
  expect(await gate.open()).toBe(true);
  const both = Promise.all([gate.shut(), gate.shut()]);
  await expect.poll(() => drains).toBe(1);
  expect(gate.isOpen).toBe(true);
  drained();
  await both;
  expect([drains, gate.isOpen]).toEqual([1, false]);
});

test("an application that cannot begin leaves no open gate behind; the next opening tries it again", async () => {
  const store = await world();
  const calls: string[] = [];
  const gate = await agent(store, from, {
    onOpen() {
      calls.push("open");
      if (calls.length === 1) throw new Error("its port is taken");
    },
    onShut: () => void calls.push("shut"),
  });
  await expect(gate.open()).rejects.toThrow("its port is taken");
  expect(gate.isOpen).toBe(false);
  expect((await readAgents(store))[0]?.gate).toBe("shut");
  expect(gate.why).toContain("its port is taken");
  // Not at once, unless a person says so.
  expect(await gate.open()).toBe(false);
  gate.lift();
  expect(await gate.open()).toBe(true);
  expect(gate.why).toBe(null);
  expect(calls).toEqual(["open", "shut", "open"]);
  expect((await readAgents(store))[0]?.gate).toBe("open");
});

test("a shut that comes while it opens waits for it: the application never goes on behind a shut gate", async () => {
  const store = await world();
  const calls: string[] = [];
  let begin = () => {};
  const gate = await agent(store, from, {
    onOpen: () => {
      calls.push("begins");
      return new Promise<void>((resolve) => {
        begin = () => {
          calls.push("has begun");
          resolve();
        };
      });
    },
    onShut: () => void calls.push("drains"),
  });
  const opening = gate.open();
  await expect.poll(() => calls).toEqual(["begins"]);
  const shut = gate.shut();
  expect([gate.isOpen, gate.isOpening]).toEqual([true, false]);
  begin();
  expect(await opening).toBe(true);
  await shut;
  expect(calls).toEqual(["begins", "has begun", "drains"]);
  expect([gate.isOpen, (await readAgents(store))[0]?.gate]).toEqual([false, "shut"]);
});

test("shut before its opening was answered: the application does not begin; closed, it never does again", async () => {
  const store = await world();
  const calls: string[] = [];
  let answer = () => {};
  const slow: Store = {
    ...store,
    async write(writes, name) {
      const result = await store.write(writes, name);
      if (writes.length > 1) await new Promise<void>((resolve) => (answer = resolve));
      return result;
    },
  };
  const gate = await agent(slow, from, { onOpen: () => void calls.push("begins") });
  const opening = gate.open();
  await expect.poll(async () => (await readAgents(store))[0]?.gate).toBe("open");
  const closing = gate.close();
  answer();
  expect(await opening).toBe(false);
  await closing;
  expect((await readAgents(store))[0]?.gate).toBe("shut");
  expect(await gate.open()).toBe(false);
  expect(calls).toEqual([]);
});
