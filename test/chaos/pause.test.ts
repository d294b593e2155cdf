// Aim: a chaos run notices a pause in which the upgrade moves, one whose deadline moves, and one that ends by itself.
// Method: looks at an upgrade, and its way through its states, made up.
import { expect, test } from "vitest";
import { upgradeStatus } from "../support/fleet-status.ts";
import { movedInPause } from "./looking.ts";
import { pauseEnd } from "./operator.ts";
import type { PausePlan } from "./plan.ts";

const paused = upgradeStatus({ state: "paused", since: 5, until: 9, batches: 3 });

test("a batch or a later deadline in a pause is broken", () => {
  expect(movedInPause([paused, paused, paused])).toEqual([]);
  expect(movedInPause([paused, paused, { ...paused, batches: 4 }])).toEqual([
    "S4: batch 4 after 3, in a pause",
  ]);
  expect(movedInPause([paused, paused, { ...paused, until: 10 }])).toEqual([
    "L2: a pause until 10, and not 9",
  ]);
});

test("before the pause, after it, and in another one, both may move", () => {
  const migrating = { ...paused, state: "migrating" };
  const later = { ...paused, since: 6, batches: 4, until: 10 };
  expect(movedInPause([migrating, paused, { ...paused, batches: 4 }])).toEqual([]);
  expect(movedInPause([paused, paused, { ...migrating, batches: 4 }])).toEqual([]);
  expect(movedInPause([paused, paused, later])).toEqual([]);
  expect(movedInPause([null, null, paused])).toEqual([]);
});

const left: PausePlan = {
  kind: "left",
  moment: { state: "rehearsing", afterMs: 0 },
  lastsMs: 1_000,
};
const way = (states: readonly string[], details?: Record<string, unknown>) => ({
  states: states.map((state, at) => ({ state, at, epoch: 1, lastedMs: 1 })),
  reason: details ? { code: "timeout", message: "it took too long", details } : null,
});

test("a pause goes on only if somebody resumes it, and begins only if somebody asks", () => {
  const goneOn = way(["migrating", "paused", "migrating", "done"]);
  expect(pauseEnd({ ...left, kind: "resumed" }, goneOn)).toEqual({ word: "resumed", wrong: [] });
  expect(pauseEnd(left, goneOn).wrong).toEqual(["it went on, and nobody resumed it"]);
  expect(pauseEnd(null, goneOn).wrong).toEqual(["paused, and nobody asked for it"]);
});

test("a deadline that has passed is told from another cause, and from a pause that never began", () => {
  const back = ["migrating", "paused", "rolling-back", "rolled-back"];
  expect(pauseEnd(left, way(back, { pausedMs: 1_000 })).word).toBe("ran out");
  expect(pauseEnd(left, way(back, { peersMs: 1_000 })).word).toBe("turned back");
  expect(pauseEnd(left, way(["migrating", "done"])).word).toBe("not begun");
  expect(pauseEnd(null, way(["migrating", "done"]))).toEqual({ word: null, wrong: [] });
});
