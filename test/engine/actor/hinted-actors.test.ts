// Aim: each hinted actor is read once, page by page, and none is lost with a broken one or an absent database. Method: the
// hints alone, on a store of answers.
import { expect, test } from "vitest";
import type { TailsPage } from "../../../src/engine/journal/store.ts";
import { HintedActors } from "../../../src/engine/worker/partition/hinted-actors.ts";
import { LockstepError } from "../../../src/errors.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { entryOf } from "../journal/store-under-test.ts";

function hintedOn(tails: (actors: readonly string[]) => TailsPage) {
  const unreadable: unknown[] = [];
  const hinted = new HintedActors({
    store: { tails: async (actors) => tails(actors) },
    clock: createVirtualClock(),
    onUnreadable: (error) => void unreadable.push(error),
  });
  for (const actor of ["a", "b", "c", "d"]) hinted.add(actor, 0);
  const take = async () => (await hinted.takeTails()).map(({ actor }) => actor).join("");
  return { hinted, take, unreadable };
}

const pageOf = (actors: readonly string[], left: readonly string[] = []): TailsPage => ({
  tails: actors.map((actor) => entryOf(actor, 0)),
  left,
});

test("those that a page does not hold stay hinted", async () => {
  const { hinted, take } = hintedOn((actors) => pageOf(actors.slice(0, 3), actors.slice(3)));
  expect(await take()).toBe("abc");
  expect(hinted.size).toBe(1);
  expect(await take()).toBe("d");
  expect(hinted.size).toBe(0);
});

test("one that cannot be read hides no other, and one that the database does not answer for stays hinted", async () => {
  let isAway = true;
  const { hinted, take, unreadable } = hintedOn((actors) => {
    if (actors.includes("b")) throw new LockstepError("record-broken", "b is broken");
    if (actors.includes("c") && isAway) throw new LockstepError("database-unreachable", "away");
    return pageOf(actors);
  });
  expect(await take()).toBe("a");
  expect(unreadable).toMatchObject([{ code: "record-broken" }]);
  expect(hinted.size).toBe(2);
  await expect(take()).rejects.toMatchObject({ code: "database-unreachable" });
  expect(hinted.size).toBe(2);
  isAway = false;
  expect(await take()).toBe("cd");
  expect(hinted.size).toBe(0);
});
