// Aim: a name that a living process holds is refused, and that of a dead one is free soon; an agent's own restart
// waits for nothing. Method: virtual time, and agents on a real set.
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { awaitName } from "../../src/control/agent-name.ts";
import { heartbeat, register } from "../../src/control/agents.ts";
import { createAgent, createLog } from "../../src/index.ts";
import { collections } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { until } from "../support/until.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { record } from "../upgrade/protocol/facts.ts";

async function world(directory?: string) {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  const facts = { ...record("a1"), ...{ incarnationAtLeast: 1, host: "h1", pid: 41 } };
  const incarnation = await register(store, "a1", {
    ...facts,
    ...(directory ? { directory } : {}),
  });
  const take = async (other: string) => {
    await awaitName({ store, clock }, "a1", other);
    await register(store, "a1", { ...facts, directory: other });
    return clock.monotonicMs();
  };
  const beat = () => heartbeat(store, "a1", incarnation, clock.monotonicMs(), { blocked: null });
  return { clock, store, facts, take, beat };
}

test("a process that is heard again keeps its name; its record is as before", async () => {
  const { clock, store, take, beat } = await world("d1");
  const taking = expect(take("d2")).rejects.toMatchObject({
    ...{ code: "name-taken", message: expect.stringContaining("process 41 on host h1") },
  });
  await clock.advance(limits.nameLookMs - 1);
  await beat();
  await clock.advance(1);
  await taking;
  expect(await store.get(collections.agents, "a1")).toMatchObject({ incarnation: 1 });
});

test("the name of a process that has died is free once that is silent", async () => {
  const { clock, take } = await world("d1");
  const taking = take("d2");
  await clock.advance(2 * limits.heartbeatStaleMs);
  const atMs = await taking;
  expect(atMs).toBeGreaterThan(limits.heartbeatStaleMs);
  expect(atMs).toBeLessThanOrEqual(limits.heartbeatStaleMs + limits.nameLookMs);
});

test("the next process of the directory, and the first one of a build that names it, wait for nothing", async () => {
  expect(await (await world("d1")).take("d1")).toBe(0);
  expect(await (await world()).take("d1")).toBe(0);
});

test("a forgotten agent has no name to keep", async () => {
  const { store, take } = await world("d1");
  const set = { forgotten: true };
  await store.write([{ collection: collections.agents, id: "a1", expect: {}, set }]);
  expect(await take("d2")).toBe(0);
});

test("of two that come at once, one is registered", async () => {
  const { store, facts } = await world("d1");
  await expect(register(store, "a1", { ...facts, directory: "d2" })).rejects.toMatchObject({
    code: "name-taken",
  });
});

test("two agents of one name, or of one directory: the first serves on, the second is refused", async () => {
  const folders = await Promise.all(
    ["1", "2"].map((n) => mkdtemp(join(tmpdir(), `lockstep-${n}-`))),
  );
  for (const folder of folders) {
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
  }
  const [mine = "", other = ""] = folders;
  const mongoUrl = urlOf(freshDatabaseName());
  const moved: string[] = [];
  const start = async (dataDirectory: string) => {
    const agent = createAgent({
      ...{ mongoUrl, dataDirectory, agent: "a1", version: "1.0.0", steps: [], initialize: true },
      log: createLog({ level: "silent" }),
      gate: { onOpen: () => void moved.push("opened"), onShut: () => void moved.push("shut") },
    });
    await agent.start();
    return agent;
  };
  const first = await start(mine);
  await until("the first one serving", () => first.gate.isOpen);
  const holder = { host: hostname(), pid: process.pid };
  const refused = { code: "name-taken", details: holder };
  // A program that does not catch it prints the stack.
  const stack = expect.stringMatching(/^LockstepError: name-taken: .*$/);
  await expect(start(other)).rejects.toMatchObject({ ...refused, stack });
  await expect(start(mine)).rejects.toMatchObject({ code: "directory-taken", details: holder });
  expect([first.gate.isOpen, moved]).toEqual([true, ["opened"]]);
  await first.stop();
  const next = await start(mine);
  await next.stop();
  // As on a host that takes over from one that was lost.
  const moves = await start(other);
  await until("the one that has moved serving", () => moves.gate.isOpen);
  await moves.stop();
});
