// Aim: an application that does not drain holds nobody up, and its gate never counts as shut while it lives.
// Method: the gate on a memory store, in virtual time.
import { expect, test } from "vitest";
import { readAgents } from "../../../src/control/agents.ts";
import { initializeVersions } from "../../../src/control/versions.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { createGate, type GateListener } from "../../../src/upgrade/participant/gate/gate.ts";
import { drainPorts } from "../../support/drain-ports.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { from, join } from "../protocol/facts.ts";

async function world(listener: Partial<GateListener>) {
  const clock = createVirtualClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  await initializeVersions(store, from);
  const incarnation = await join(store, "a1");
  const seen: string[] = [];
  const gate = createGate({
    ...{ store, agent: "a1", incarnation, version: from, log: silentLog },
    listener: { onOpen() {}, onShut() {}, ...listener },
    ...{ safeMode: null, keepVersion: async () => {} },
    drain: {
      ...drainPorts(clock),
      async reportDraining(limitMs) {
        seen.push(`drains for ${limitMs}, since ${(await record())?.drainingSince ?? "never"}`);
      },
      reportDrained: () => void seen.push("drained"),
      leaveUndrained: () => void seen.push(`leaves at ${clock.monotonicMs()}`),
    },
  });
  const record = async () => (await readAgents(store))[0];
  return { clock, gate, record, seen };
}

const overMs = 10_000 + limits.drainGraceMs;

test("a drain that never ends: its signal aborts at the limit, then its process leaves with the gate open", async () => {
  let aborted: unknown;
  const { clock, gate, record, seen } = await world({
    onShut: ({ signal }) =>
      new Promise(() => {
        signal.addEventListener("abort", () => {
          aborted = signal.reason;
        });
      }),
  });
  await gate.open();
  await clock.advance(500);
  void gate.shut();
  await clock.advance(9_999);
  expect([aborted, (await record())?.drainingSince]).toEqual([undefined, 500]);
  await clock.advance(1);
  expect(aborted).toMatchObject({ code: "timeout" });
  expect(seen).toHaveLength(1);
  await clock.advance(limits.drainGraceMs);
  expect(seen).toEqual(["drains for 10000, since never", `leaves at ${500 + overMs}`]);
  expect(await record()).toMatchObject({ gate: "open", drainingSince: 500 });
});

test("a drain that ends by its signal is one that ended; nobody leaves, and nothing of it stays", async () => {
  const { clock, gate, record, seen } = await world({
    onShut: ({ signal }) =>
      new Promise((drained) => signal.addEventListener("abort", () => drained())),
  });
  await gate.open();
  const shut = gate.shut();
  await clock.advance(10_000);
  await shut;
  await clock.advance(10 * overMs);
  expect(seen).toEqual(["drains for 10000, since never", "drained"]);
  expect(await record()).toMatchObject({ gate: "shut", drainingSince: null });
});

test("everybody is told before the application is asked: it may block the process", async () => {
  const { clock, gate, record, seen } = await world({
    async onShut() {
      seen.push(`asked, draining since ${(await record())?.drainingSince}`);
    },
  });
  await gate.open();
  await gate.shut();
  await clock.advance(1);
  expect(seen).toEqual(["drains for 10000, since never", "asked, draining since 0", "drained"]);
});

test("a drain that fails is tried again, within the limit of the first try", async () => {
  const { clock, gate, seen } = await world({
    onShut: () => Promise.reject(new Error("not now")),
  });
  await gate.open();
  await expect(gate.shut()).rejects.toThrow("not now");
  await clock.advance(overMs - 1);
  await expect(gate.shut()).rejects.toThrow("not now");
  await clock.advance(1);
  expect(seen).toEqual(["drains for 10000, since never", `leaves at ${overMs}`]);
});

test("an application that never comes to the end of its opening does not drain either", async () => {
  const { clock, gate, seen } = await world({ onOpen: () => new Promise(() => {}) });
  void gate.open();
  await clock.advance(1);
  void gate.shut();
  await clock.advance(overMs);
  expect(seen.at(-1)).toBe(`leaves at ${overMs + 1}`);
});
