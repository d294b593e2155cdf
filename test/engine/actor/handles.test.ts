// Aim: a process forgets the actors that it does not use, by age, number and size, and a busy one keeps no other alive.
// Method: the handles alone, on clocks that the test sets.
import { expect, test } from "vitest";
import { Handles } from "../../../src/engine/actor/handles.ts";
import { limits } from "../../../src/limits.ts";
import { entryOf } from "../journal/store-under-test.ts";

function handles() {
  const time = { monotonicMs: 0, wallMs: 1_000_000 };
  const known = new Handles({
    monotonicMs: () => time.monotonicMs,
    wallMs: () => time.wallMs,
    sleep: async () => {},
  });
  const use = (actor: string, snapshot = "{}") => {
    const handle = known.take(actor);
    handle.tail = entryOf(actor, 0, { snapshot });
    known.give(actor, handle);
  };
  return { known, time, use };
}

test("a handle is forgotten with its age, and an earlier one with the next use of another", () => {
  const { known, time, use } = handles();
  use("a");
  use("b");
  time.monotonicMs += limits.cachedTailMsMax;
  expect(known.find("a")?.tail?.actor).toBe("a");
  time.monotonicMs += 1;
  expect(known.find("a")).toBeUndefined();
  expect(known.take("a").tail).toBeUndefined();
  expect(known.size).toBe(2);
  for (let count = 0; count < limits.cachedLookEvery; count += 1) use("c");
  expect(known.size).toBe(2);
});

test("the age counts also where the monotonic clock stands still, and where the host's clock is set back", () => {
  const { known, time, use } = handles();
  use("a");
  time.wallMs += limits.cachedTailMsMax + 1;
  expect(known.find("a")).toBeUndefined();
  use("b");
  time.wallMs -= 24 * 3_600_000;
  time.monotonicMs += limits.cachedTailMsMax + 1;
  expect(known.find("b")).toBeUndefined();
});

test("too many or too large ones go, those that were not used for longest first, and used ones stay", () => {
  const { known, use } = handles();
  const busy = known.take("busy");
  for (let index = 0; index <= limits.cachedActorsMax; index += 1) use(`a${index}`);
  expect(known.size).toBe(limits.cachedActorsMax + 1);
  expect(known.find("a0")).toBeUndefined();
  expect(known.find("a1")).toBeDefined();
  const large = "x".repeat(limits.cachedActorsBytesMax / 2);
  for (const actor of ["l1", "l2"]) use(actor, large);
  expect(known.find("a2")).toBeUndefined();
  expect(known.find("l1")).toBeUndefined();
  expect(known.find("l2")?.tail?.snapshot).toBe(large);
  expect(known.find("busy")).toBe(busy);
});

test("one that several use stays until the last one has ended", () => {
  const { known, time } = handles();
  const handle = known.take("a");
  expect(known.take("a")).toBe(handle);
  known.give("a", handle);
  time.monotonicMs += 10 * limits.cachedTailMsMax;
  expect(known.find("a")).toBe(handle);
  known.give("a", handle);
  expect(known.find("a")).toBe(handle);
  time.monotonicMs += limits.cachedTailMsMax + 1;
  expect(known.find("a")).toBeUndefined();
});
