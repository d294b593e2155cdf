// Aim: local steps have a deadline in whatever process runs them: one that is told to stop ends as a typed
// failure, one that does not listen takes its process along. Method: virtual time, the memory store.
import { expect, test } from "vitest";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import type { AgentWorld } from "../../../src/upgrade/agent-world.ts";
import { localWork } from "../../../src/upgrade/participant/local/local-work.ts";
import { deadlinesDefault } from "../../../src/upgrade/protocol/accept.ts";
import { createScheduler } from "../../simulation/scheduler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { participant } from "../protocol/facts.ts";

function working(act: (run: Parameters<Parameters<typeof localWork>[4]>[0]) => Promise<void>) {
  const scheduler = createScheduler();
  const left: number[] = [];
  const context = {
    id: "participant/a1/u000002/5/0",
    actor: "participant/a1/u000002",
    attempt: 1,
    epoch: 1,
  };
  const world = {
    store: createMemoryStore({ now: scheduler.nowMs }),
    clock: { monotonicMs: scheduler.nowMs, sleep: scheduler.sleep },
    leave: (code: number) => left.push(code),
  } as unknown as AgentWorld;
  const signal = new AbortController().signal;
  const params = { upgradeId: "u000002", from: "1.0.0", to: "1.1.0" };
  const ended = localWork(
    world,
    ({ peersMs }) => peersMs,
    params,
    { ...context, signal, log: silentLog, latest: () => expect.unreachable() },
    async (run) => {
      await act(run);
      return { type: "localStepsDone" };
    },
  );
  return { scheduler, left, ended };
}

const limitMs = deadlinesDefault.peersMs;

test("a host that is brought to the fleet's version has the time of its part, and a day", async () => {
  const scheduler = createScheduler();
  const actor = "participant/a1/provision-7";
  const store = createMemoryStore({ now: () => 5_000 });
  const [first] = participant("a1", []);
  if (first) await store.append([{ ...first, actor, at: 4_000 }]);
  const world = {
    ...{ store, agent: "a1", leave: () => {} },
    clock: { monotonicMs: scheduler.nowMs, sleep: scheduler.sleep },
  } as unknown as AgentWorld;
  const ended = localWork(
    world,
    ({ peersMs }) => peersMs,
    { upgradeId: "provision-7", from: "0.0.0-0", to: "1.1.0" },
    {
      ...{ id: `${actor}/2/0`, actor, attempt: 1, epoch: 1 },
      ...{ signal: new AbortController().signal, log: silentLog },
      latest: () => expect.unreachable(),
    },
    async ({ now, overtime }) => {
      expect(now.getTime()).toBe(4_000);
      await scheduler.sleep(2 * limitMs);
      expect(overtime.aborted).toBe(false);
      return { type: "localStepsDone" };
    },
  );
  await scheduler.run(3 * limitMs);
  expect(await ended).toEqual({ type: "localStepsDone" });
});

test("within the deadline nothing happens, then or later", async () => {
  const { scheduler, left, ended } = working(async ({ overtime }) => {
    expect(overtime.aborted).toBe(false);
  });
  expect(await ended).toEqual({ type: "localStepsDone" });
  await scheduler.run(10 * limitMs);
  expect(left).toEqual([]);
});

test("at the deadline the step is told; who listens keeps its process", async () => {
  let toldAtMs = -1;
  const { scheduler, left, ended } = working(async ({ overtime }) => {
    await new Promise((resolve) => overtime.addEventListener("abort", resolve, { once: true }));
    toldAtMs = scheduler.nowMs();
  });
  await scheduler.run(limitMs - 1);
  expect(toldAtMs).toBe(-1);
  await scheduler.run(10 * limitMs);
  await ended;
  expect([toldAtMs, left]).toEqual([limitMs, []]);
});

test("who does not listen takes its process along", async () => {
  const { scheduler, left } = working(() => new Promise(() => {}));
  await scheduler.run(limitMs + limits.effectStopGraceMs - 1);
  expect(left).toEqual([]);
  await scheduler.run(limitMs + limits.effectStopGraceMs);
  expect(left).toEqual([70]);
});
