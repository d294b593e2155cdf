import { expect } from "vitest";
import { chartOf } from "../../src/diagram/chart.ts";
import { createEngine, type EngineMachine } from "../../src/fleet-engine/engine.ts";
import type { Entry, Store } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import type { Case } from "./cases.ts";
import { invariantsOf } from "./invariants-of.ts";
import { sharedPathsOf } from "./paths.ts";

/** The actions of a machine, as effects that never answer: the path's events are the answers. */
function effectsOf(model: Case): EngineMachine["effects"] {
  const names = Object.keys(model.machine.implementations.actions).filter(
    (name) => name !== "cancelEffects",
  );
  const never = (_params: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  return Object.fromEntries(names.map((name) => [name, never]));
}

/** Plays each path as an actor of its own, and checks the invariants after each transition. */
export async function runOnEngine(model: Case, store: Store): Promise<number> {
  const paths = sharedPathsOf(model);
  const lost = new AbortController();
  const engine = createEngine({
    store,
    clock: systemClock,
    log: silentLog,
    machines: {
      [model.name]: { machine: model.machine, protocol: 1, effects: effectsOf(model) },
    },
    onStuckEffect: (effect) => {
      throw new Error(`stuck: ${effect.id}`);
    },
  });
  const tails = new Map<string, Entry>();
  const violations: string[] = [];
  let transitions = 0;
  const seen = (entry: Entry) => ({
    state: entry.state,
    context: (JSON.parse(entry.snapshot) as { context: unknown }).context,
  });
  engine.onTransition((entry) => {
    const before = tails.get(entry.actor);
    tails.set(entry.actor, entry);
    transitions += 1;
    if (!before) return;
    const found = invariantsOf(model.name, seen(before), seen(entry), entry.event.type);
    violations.push(...found.map((words) => `${entry.actor}@${entry.revision}: ${words}`));
  });
  const owner = { kind: "pinned", agent: model.name } as const;
  await engine.own({ owner, prefix: "", epoch: 1, signal: lost.signal, writes: [] });
  const walk = async (index: number) => {
    const actor = `${model.name}/${index}`;
    await engine.create(actor, model.name, model.input, { owner });
    for (const [step, event] of (paths[index] ?? []).entries()) {
      await engine.send(actor, event, { key: `step-${step}` });
    }
  };
  const lanes = 150;
  let next = 0;
  const lane = async () => {
    while (next < paths.length) {
      const index = next;
      next += 1;
      await walk(index);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(violations).toEqual([]);
  const reached = new Set([...tails.values()].map(({ state }) => state));
  expect([...reached].toSorted()).toEqual(
    chartOf(model.machine)
      .states.map(({ name }) => name)
      .toSorted(),
  );
  lost.abort();
  await engine.stop();
  // The listeners heard of each entry in the journal, once.
  const stored = await store.tails(`${model.name}/`);
  expect(stored).toHaveLength(paths.length);
  expect(stored.reduce((sum, { revision }) => sum + revision + 1, 0)).toBe(transitions);
  return paths.length;
}
