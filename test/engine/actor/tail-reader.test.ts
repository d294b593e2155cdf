// Aim: many actors that are read at once share few reads, and each gets its own answer. Method: a store that counts and
// fails on demand.
import { expect, test } from "vitest";
import { TailReader } from "../../../src/engine/actor/tail-reader.ts";
import type { Entry } from "../../../src/engine/journal/entry.ts";
import { LockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { entryOf } from "../journal/store-under-test.ts";

function readerOf(tails: (actors: readonly string[]) => Promise<readonly Entry[]>) {
  const asked: (readonly string[])[] = [];
  let [running, most] = [0, 0];
  const ask = async (actors: readonly string[]) => {
    asked.push(actors);
    running += 1;
    most = Math.max(most, running);
    try {
      return await tails(actors);
    } finally {
      running -= 1;
    }
  };
  const reader = new TailReader({
    tail: async (actor) => (await ask([actor]))[0],
    tails: async (actors) => {
      const found = await ask(actors);
      // A page of at most fifty.
      return { tails: found.slice(0, 50), left: actors.slice(50) };
    },
  });
  return { reader, asked, most: () => most };
}

const actors = Array.from({ length: 1_000 }, (_, index) => `a${index}`);

test("a thousand actors share a few reads, and one alone has its own", async () => {
  const { reader, asked, most } = readerOf(async (some) =>
    some.filter((actor) => actor !== "a7").map((actor) => entryOf(actor, 3)),
  );
  const found = await Promise.all(actors.map((actor) => reader.read(actor)));
  expect(found.map((tail) => tail?.actor)).toEqual(
    actors.map((actor) => (actor === "a7" ? undefined : actor)),
  );
  expect(asked.length).toBeLessThan(100);
  // The read of many is not sure of one that it does not find.
  expect(asked).toContainEqual(["a7"]);
  expect(most()).toBe(limits.tailReadsAtOnce);
  asked.length = 0;
  expect((await reader.read("a1"))?.revision).toBe(3);
  expect(asked).toEqual([["a1"]]);
});

test("one that cannot be read hides no other, and an absent database fails all", async () => {
  let isAwayNow = false;
  const { reader } = readerOf(async (some) => {
    if (isAwayNow) throw new LockstepError("database-unreachable", "gone");
    if (some.includes("a3")) throw new LockstepError("record-broken", "broken");
    return some.map((actor) => entryOf(actor, 0));
  });
  const of = (count: number) =>
    Promise.allSettled(actors.slice(0, count).map((actor) => reader.read(actor)));
  const broken = (await of(10)).filter(({ status }) => status === "rejected");
  expect(broken).toMatchObject([{ reason: { code: "record-broken" } }]);
  isAwayNow = true;
  expect((await of(10)).every(({ status }) => status === "rejected")).toBe(true);
});
