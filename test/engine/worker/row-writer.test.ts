// Aim: the list is behind by a bounded time, and many moving actors cost the database a bounded number of writes.
// Method: the row writer alone, with a store that notes what it is given, on a virtual clock.
import { expect, test } from "vitest";
import { type ActorRow, rowOf } from "../../../src/engine/journal/entry.ts";
import { turn as turnOfProcess } from "../../../src/engine/testing/settle.ts";
import { createVirtualClock } from "../../../src/engine/testing/virtual-clock.ts";
import { RowWriter } from "../../../src/engine/worker/row-writer.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { entryOf } from "../journal/store-under-test.ts";

function writer() {
  const clock = createVirtualClock();
  const saved: ActorRow[] = [];
  const database = { isAway: false };
  const rows = new RowWriter({
    store: {
      async saveRows(some) {
        if (database.isAway) throw new Error("away");
        saved.push(...some);
      },
    },
    clock,
    log: silentLog,
  });
  const note = (actor: string, revision = 0, partition = "p") =>
    rows.note(rowOf(entryOf(actor, revision, { partition })));
  const turn = async () => {
    clock.jumpTo(clock.nowMs() + limits.rowsFlushEveryMs);
    await turnOfProcess();
  };
  return { rows, saved, database, note, turn };
}

const revisionsOf = (saved: readonly ActorRow[]) =>
  saved.map(({ actor, revision }) => `${actor}:${revision}`);

test("an actor that moves many times has one write a turn", async () => {
  const { rows, saved, note, turn } = writer();
  rows.start();
  for (let revision = 0; revision < 50; revision += 1) note("a", revision);
  expect(note("a", 3)).toBe(false);
  await turn();
  expect(revisionsOf(saved)).toEqual(["a:49"]);
  await turn();
  expect(saved).toHaveLength(1);
  await rows.stop();
});

test("a turn writes a share, the oldest first, and actors that keep moving delay no other", async () => {
  const { rows, saved, note, turn } = writer();
  rows.start();
  const count = 3 * limits.rowsOfWrite;
  const ids = Array.from({ length: count }, (_, index) => `a${index}`);
  for (const id of ids) note(id);
  await turn();
  const first = saved.length;
  expect(first).toBeLessThan(limits.rowsOfWrite);
  for (let turns = 1; turns <= 3; turns += 1) {
    for (const id of ids.slice(0, limits.rowsOfWrite)) note(id, turns);
    await turn();
    expect(saved).toHaveLength(first + turns * limits.rowsOfWrite);
  }
  expect(new Set(saved.map(({ actor }) => actor)).size).toBe(count);
  await rows.stop();
});

test("actors that move all the time cost a small share a turn, and none waits longer than `list` states", async () => {
  const { rows, saved, note, turn } = writer();
  rows.start();
  const ids = Array.from({ length: limits.rowsOfWrite }, (_, index) => `a${index}`);
  const turns = limits.rowsStaleMsMax / limits.rowsFlushEveryMs;
  for (let count = 0; count < turns; count += 1) {
    for (const id of ids) note(id, 2 * count);
    for (const id of ids) note(id, 2 * count + 1);
    const before = saved.length;
    await turn();
    expect(saved.length - before).toBeLessThan(limits.rowsOfWrite / 5);
  }
  expect(new Set(saved.map(({ actor }) => actor)).size).toBe(ids.length);
  await rows.stop();
});

test("however many actors wait, each is written within the time that `list` states", async () => {
  const { rows, saved, note, turn } = writer();
  rows.start();
  const count = 25 * limits.rowsOfWrite;
  for (let index = 0; index < count; index += 1) note(`a${index}`);
  for (
    let ms = limits.rowsFlushEveryMs;
    ms <= limits.rowsStaleMsMax;
    ms += limits.rowsFlushEveryMs
  ) {
    await turn();
  }
  expect(saved).toHaveLength(count);
  await rows.stop();
});

test("a flush writes the rows of its partition, and no others", async () => {
  const { rows, saved, note } = writer();
  note("a", 1, "p");
  note("b", 1, "q");
  await rows.flush("q");
  expect(revisionsOf(saved)).toEqual(["b:1"]);
  await rows.stop();
  expect(revisionsOf(saved)).toEqual(["b:1", "a:1"]);
});

test("rows that could not be written wait again, unless a newer one has come meanwhile", async () => {
  const { rows, saved, database, note } = writer();
  note("a", 1);
  note("b", 1);
  database.isAway = true;
  const failing = rows.flush("p");
  await Promise.resolve();
  note("b", 2);
  await expect(failing).rejects.toThrow("away");
  database.isAway = false;
  await rows.flush("p");
  expect(revisionsOf(saved).toSorted()).toEqual(["a:1", "b:2"]);
  await rows.stop();
});
