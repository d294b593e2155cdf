// Aim: a process of an agent is heard while its disk hangs, and one that could not start leaves nothing running.
// Method: the loops of one machine agent over the memory store, in virtual time.
import { expect, test } from "vitest";
import { createLifecycle } from "../../src/agent/lifecycle.ts";
import { type AgentProcessOptions, type RunPorts, runAgent } from "../../src/agent/run-agent.ts";
import { initializeVersions } from "../../src/control/versions.ts";
import { LockstepError } from "../../src/errors.ts";
import { collections, type Store } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { drainPorts } from "../support/drain-ports.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { from, join, participant } from "../upgrade/protocol/facts.ts";

function processOf(
  store: Store,
  clock: RunPorts["clock"],
  holdings: () => Promise<unknown>,
  stepsVersion = async () => from,
) {
  let closed = 0;
  const lifecycle = createLifecycle(() => {});
  const options = {
    ...{
      agent: "a1",
      role: "machine",
      version: from,
      incarnation: 1,
      steps: [],
      startable: [from],
    },
    ...{ cannotStart: null, gate: { onOpen() {}, onShut() {} }, dataDirectory: "", leaseTtlMs: 1 },
    ...{ ...drainPorts(clock), lifecycle },
    reportReady() {},
    exit() {},
    writeDefaultVersion: async () => {},
    onStartableVersions: () => () => {},
    ...{ safeMode: null, reportOpening: async () => {} },
  } as unknown as AgentProcessOptions;
  const database = { holdings };
  const ports = {
    ...{ store, database, clock, log: silentLog },
    // Local steps that take long.
    localJournal: { stepsVersion, read: () => clock.sleep(limits.provisionTimeoutMs) },
    async close() {
      closed += 1;
    },
  } as unknown as RunPorts;
  return { run: () => runAgent(options, ports), closed: () => closed, lifecycle };
}

test("an agent whose disk hangs is heard, with what was last known of it", async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(store, from);
  await join(store, "a1");
  const record = () => store.get(collections.agents, "a1");
  let asked = 0;
  const { run, closed } = processOf(store, clock, async () => {
    asked += 1;
    return asked === 1
      ? { freeBytes: 7, backups: ["u1"], memberTrouble: null }
      : new Promise(() => {});
  });
  const runtime = await run();
  await clock.advance(100);
  // Told at once, not with the next heartbeat.
  expect(await record()).toMatchObject({ freeBytes: 7, backups: ["u1"] });
  await clock.advance(20 * limits.heartbeatMs);
  expect(asked).toBe(2);
  const { lastSeenAt } = (await record()) as { lastSeenAt: number };
  expect(clock.monotonicMs() - lastSeenAt).toBeLessThan(2 * limits.heartbeatMs);
  await runtime.stop();
  expect(closed()).toBe(1);
});

test("a process that cannot take its actors over leaves nothing running", async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(store, from);
  await join(store, "a1");
  for (const entry of participant("a1", [], 0)) await store.append([entry]);
  let reads = 0;
  const away: Store = {
    ...store,
    append: () => Promise.reject(new LockstepError("database-unreachable", "away")),
    entries(...asked) {
      reads += 1;
      return store.entries(...asked);
    },
  };
  const { run, closed } = processOf(away, clock, async () => ({
    freeBytes: 0,
    backups: [],
    memberTrouble: null,
  }));
  await expect(run()).rejects.toMatchObject({ code: "database-unreachable" });
  expect(closed()).toBe(1);
  await clock.advance(60_000);
  expect(reads).toBe(0);
});

test("an agent is starting until it has looked at the files of its host", async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(store, from);
  await join(store, "a1", { starting: true });
  const record = () => store.get(collections.agents, "a1");
  let read: () => void = () => {};
  const isRead = new Promise<void>((resolve) => {
    read = resolve;
  });
  const stepsVersion = () => isRead.then(() => "2.0.0");
  const holdings = async () => ({ freeBytes: 0, backups: [], memberTrouble: null });
  const runtime = await processOf(store, clock, holdings, stepsVersion).run();
  await clock.advance(10 * limits.heartbeatMs);
  expect(await record()).toMatchObject({ starting: true, blocked: null });
  read();
  // Told at once, not with the next heartbeat.
  await clock.advance(10);
  // With what it has found: an upgrade that needs it is refused all the same.
  expect(await record()).toMatchObject({
    starting: false,
    blocked: expect.stringContaining("the local steps"),
  });
  await runtime.stop();
});

test("an agent goes on starting while its host runs the local steps up to the fleet's version", async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(store, from);
  await join(store, "a1", { starting: true });
  for (const entry of participant("a1", [], 0, "provision-1")) await store.append([entry]);
  const holdings = async () => ({ freeBytes: 0, backups: [], memberTrouble: null });
  const runtime = await processOf(store, clock, holdings).run();
  await clock.advance(10 * limits.heartbeatMs);
  // An upgrade that needs it is refused, and nobody is asked to act.
  expect(await store.get(collections.agents, "a1")).toMatchObject({
    starting: true,
    blocked: null,
  });
  const stopped = runtime.stop();
  await clock.advance(limits.provisionTimeoutMs);
  await stopped;
});

test("a heartbeat that was on its way while the gate opened does not make the agent start again", async () => {
  const clock = createVirtualClock();
  const inner = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(inner, from);
  await join(inner, "a1", { starting: true });
  let reach: () => void = () => {};
  let release: () => void = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isHeld = false;
  const now = async () => {
    if (!isHeld) return inner.now();
    reach();
    await released;
    return inner.now();
  };
  const store = new Proxy(inner, {
    get: (target, name: keyof Store) =>
      name === "now" ? now : (target[name] as () => unknown).bind(target),
  });
  const holdings = async () => ({ freeBytes: 0, backups: [], memberTrouble: null });
  let read: (version: string) => void = () => {};
  const isRead = new Promise<string>((resolve) => {
    read = resolve;
  });
  const stepsVersion = () => isRead;
  const runtime = await processOf(store, clock, holdings, stepsVersion).run();
  isHeld = true;
  await clock.advance(limits.heartbeatMs);
  await reached;
  // As the gate does when it opens.
  const gate = { collection: collections.agents, id: "a1", expect: { forgotten: false } };
  expect(await inner.write([{ ...gate, set: { starting: false } }], "gate")).toBeNull();
  release();
  await clock.advance(10);
  expect(await inner.get(collections.agents, "a1")).toMatchObject({ starting: false });
  read(from);
  await runtime.stop();
});

test("the application hears that its agent is blocked, once, and that it goes on again", async () => {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(store, from);
  await join(store, "a1");
  let isFull = true;
  const stepsVersion = async () => {
    if (isFull) throw new LockstepError("disk-full", "no room on this host");
    return from;
  };
  const holdings = async () => ({ freeBytes: 0, backups: [], memberTrouble: null });
  const { run, lifecycle } = processOf(store, clock, holdings, stepsVersion);
  const heard: string[] = [];
  lifecycle.on("blocked", ({ why }) => heard.push(why));
  lifecycle.on("unblocked", () => heard.push("unblocked"));
  const runtime = await run();
  await clock.advance(10 * limits.participantPollMs);
  expect(heard).toEqual(["no room on this host"]);
  isFull = false;
  await clock.advance(10 * limits.participantPollMs);
  expect(heard).toEqual(["no room on this host", "unblocked"]);
  await runtime.stop();
});
