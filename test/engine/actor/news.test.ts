// Aim: a process can have many readers, and one reader can wait often. Method: the readers' listeners are counted; and what a
// signal holds after many calls of an engine on the memory store.
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { type AnyStateMachine, setup } from "xstate";
import { News } from "../../../src/engine/actor/hints/news.ts";
import { type DurableMachine, durable } from "../../../src/engine/index.ts";
import type { Entry } from "../../../src/engine/journal/entry.ts";
import type { Hint } from "../../../src/engine/journal/store.ts";
import { createEngineWorld } from "../api/engines.ts";

test("readers of many actors share one listener, and only those of an actor are woken", () => {
  const entries = new Set<(entry: Entry) => void>();
  const hints = new Set<(hint: Hint | null) => void>();
  const listen = <Listener>(listeners: Set<Listener>, listener: Listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const news = new News(
    { onAppended: (listener) => listen(entries, listener) },
    { listen: (listener) => listen(hints, listener) },
  );
  const woken: string[] = [];
  const stops = ["a", "a", "b"].map((actor) => news.listen(actor, () => void woken.push(actor)));
  expect([entries.size, hints.size]).toEqual([1, 1]);
  for (const onEntry of entries) onEntry({ actor: "b" } as Entry);
  expect(woken.splice(0)).toEqual(["b"]);
  for (const onHint of hints) onHint({ actor: "a", partition: "m/0", revision: 1 });
  expect(woken.splice(0)).toEqual(["a", "a"]);
  for (const onEntry of entries) onEntry({ actor: "c" } as Entry);
  expect(woken).toEqual([]);
  for (const onHint of hints) onHint(null);
  expect(woken.splice(0)).toEqual(["a", "a", "b"]);
  for (const stop of stops) stop();
  expect([entries.size, hints.size]).toEqual([0, 0]);
  news.listen("a", () => {});
  expect([entries.size, hints.size]).toEqual([1, 1]);
});

test("a wait leaves nothing behind at a signal that lives long", async () => {
  const machine = durable(
    setup({}).createMachine({ initial: "open", states: { open: {} } }) as AnyStateMachine,
    { name: "m", version: "1.0.0" },
  ) as DurableMachine;
  const { engine } = createEngineWorld();
  const reader = await engine({ machines: [machine], work: false });
  await reader.start(machine, { id: "a" });
  const { signal } = new AbortController();
  /** The signals that `AbortSignal.any` has made of it, as Node keeps them, and its listeners. */
  const left = () => {
    const own = Object.getOwnPropertySymbols(signal);
    const dependants = own.find(({ description }) => description === "kDependantSignals");
    const made = dependants && (signal as unknown as Record<symbol, Set<unknown>>)[dependants];
    return (made?.size ?? 0) + getEventListeners(signal, "abort").length;
  };
  for (let round = 0; round < 20; round += 1) {
    await reader.waitFor(machine, "a", () => true, { signal });
    for await (const _ of reader.watch(machine, "a", { signal })) break;
  }
  expect(left()).toBe(0);
  // It shows what it is to show.
  AbortSignal.any([signal]);
  expect(left()).toBe(1);
});
