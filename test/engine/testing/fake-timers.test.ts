// Aim: a test that has replaced the timers of its process can use lockstep/testing: people who test deadlines often have.
// Method: the same trial as in the guide, under vitest's fake timers, on the host and killed at every write.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createMachine } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { crashAnywhere, EngineHost } from "../../../src/engine/testing/index.ts";

const machine = createMachine({
  initial: "trial",
  states: {
    trial: { on: { STAY: "member" }, after: { 2592000000: "ended" } },
    member: {},
    ended: { type: "final" },
  },
});
const trial = durable(machine, { name: "trial", version: "1.0.0" });

// Jest replaces microtasks too.
const replaced = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "Date"] as const;
beforeEach(() => void vi.useFakeTimers({ toFake: [...replaced] }));
afterEach(() => void vi.useRealTimers());

test("a host lets its own time pass", async () => {
  const host = new EngineHost({ machines: [trial] });
  await host.ask((engine) => engine.start(trial, { id: "t" }));
  await host.elapse(31 * 86_400_000);
  expect((await host.ask((engine) => engine.get(trial, "t"))).value).toBe("ended");
  host.dispose();
});

test("an actor is killed anywhere", async () => {
  const script = [{ elapse: "29d" }, { send: { type: "STAY" } }, { elapse: "10d" }] as const;
  const { runs } = await crashAnywhere(trial, script);
  expect(runs).toBeGreaterThan(10);
});
