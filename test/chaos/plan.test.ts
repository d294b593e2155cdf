// Aim: a chaos run can be found again by its seed, and means what the issue says. Method: plans drawn.
import { expect, test } from "vitest";
import { createDraw } from "../simulation/draw.ts";
import { drawRun, faultKinds, pauseKinds } from "./plan.ts";

const plansOf = (seed: number) => drawRun(createDraw(seed), 8);
const many = Array.from({ length: 500 }, (_, seed) => plansOf(seed));

test("the same seed draws the same plan, another seed another", () => {
  expect(plansOf(7)).toEqual(plansOf(7));
  expect(plansOf(7)).not.toEqual(plansOf(8));
});

test("nine in ten runs end on the way back; every fault is drawn", () => {
  const back = many.filter((run) => run.at(-1)?.kind !== "good");
  expect(back.length / many.length).toBeGreaterThan(0.85);
  expect(back.length / many.length).toBeLessThan(0.95);
  const drawn = new Set(many.flat().flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  expect([...drawn].toSorted()).toEqual(faultKinds.toSorted());
});

test("each upgrade has one to three faults, in the order of its states", () => {
  const counts = new Set(many.flat().map(({ faults }) => faults.length));
  expect([...counts].toSorted()).toEqual([1, 2, 3]);
});

test("pauses of each kind are drawn, and faults and aborts within them, but in no upgrade without one", () => {
  const upgrades = many.flat();
  const kinds = new Set(upgrades.flatMap(({ pause }) => pause?.kind ?? []));
  expect([...kinds].toSorted()).toEqual(pauseKinds.toSorted());
  const inPause = upgrades.filter(({ faults, abortAt }) =>
    [abortAt, ...faults.map(({ moment }) => moment)].some((at) => at?.state === "paused"),
  );
  expect(inPause.filter(({ kind }) => kind === "aborted")).not.toEqual([]);
  expect(inPause.filter(({ pause }) => pause === null)).toEqual([]);
});
