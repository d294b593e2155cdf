import fc from "fast-check";
import { expect, test } from "vitest";
import { DueHeap } from "../../../src/engine/worker/partition/due-heap.ts";

const actors = fc.constantFrom("a", "b", "c", "d", "e");
const act = fc.oneof(
  fc.record({
    act: fc.constant("set" as const),
    ...{ actor: actors, dueAtMs: fc.nat(20), revision: fc.nat(6) },
  }),
  fc.record({ act: fc.constant("delete" as const), actor: actors, revision: fc.nat(6) }),
  fc.record({ act: fc.constant("take" as const), nowMs: fc.nat(20), limit: fc.nat(3) }),
);

test("it gives what a plain list would give", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const heap = new DueHeap();
      const plain = new Map<string, { dueAtMs: number; revision: number }>();
      for (const each of acts) {
        if (each.act === "set") {
          heap.set(each.actor, each.dueAtMs, each.revision);
          const isLate = (plain.get(each.actor)?.revision ?? -1) > each.revision;
          if (!isLate) plain.set(each.actor, each);
        } else if (each.act === "delete") {
          heap.delete(each.actor, each.revision);
          const known = plain.get(each.actor);
          if (known && known.revision <= each.revision) plain.delete(each.actor);
        } else {
          const taken = heap.take(each.nowMs, each.limit).map(({ actor }) => actor);
          const due = [...plain].filter(([, { dueAtMs }]) => dueAtMs <= each.nowMs);
          expect(taken).toHaveLength(Math.min(each.limit, due.length));
          const moments = taken.map((actor) => plain.get(actor)?.dueAtMs);
          const earliest = due.map(([, { dueAtMs }]) => dueAtMs).toSorted((one, two) => one - two);
          expect(moments).toEqual(earliest.slice(0, taken.length));
          for (const actor of taken) plain.delete(actor);
        }
        expect(heap.size).toBe(plain.size);
        const next = Math.min(...[...plain.values()].map(({ dueAtMs }) => dueAtMs));
        expect(heap.nextMs).toBe(plain.size === 0 ? null : next);
      }
    }),
  );
});

test("what an earlier revision says of an actor neither moves nor removes its deadline", () => {
  const heap = new DueHeap();
  heap.set("a", 50, 6);
  heap.set("a", 10, 5);
  heap.delete("a", 5);
  expect(heap.nextMs).toBe(50);
  heap.delete("a", 6);
  expect(heap.nextMs).toBeNull();
});
