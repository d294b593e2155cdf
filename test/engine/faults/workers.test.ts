// Aim: whatever happens to the processes of an engine, each task's effects happen at least once with one id, each result
// and each transactional write counts once, timers fire, and every actor gets to its end. Method: workers as processes
// of their own on a real replica set, killed with -9, stopped and continued at places where a test holds their work.
import { expect, inject, test } from "vitest";
import { createFleet } from "./fleet.ts";
import { trip, tripOf } from "./trip.ts";

const fleetOf = (...versions: readonly ("1.0.0" | "2.0.0")[]) =>
  createFleet(
    inject("mongoUrl"),
    versions.length === 0 ? [trip] : versions.map((each) => tripOf(each)),
  );

test("a worker killed in the middle of tasks", async () => {
  const fleet = await fleetOf();
  const worker = await fleet.process({ held: ["call"] });
  await fleet.start(12);
  await worker.reached("call", 12);
  await fleet.pokeAll("while it is held");
  await worker.kill();
  await fleet.process();
  expect(await fleet.troubles()).toEqual([]);
  const effects = fleet.client.db(fleet.databaseName).collection("effects");
  // The attempt that died counts.
  expect(await effects.countDocuments({ kind: "call", attempt: 2 })).toBe(12);
});

test("a worker killed while timers run: they fire at its successor", async () => {
  const fleet = await fleetOf();
  const worker = await fleet.process();
  await fleet.start(12, { rounds: 1, restMs: 4_000 });
  await fleet.allIn("resting");
  await worker.kill();
  await fleet.process();
  expect(await fleet.troubles()).toEqual([]);
});

test("a worker killed in the middle of transactions: their writes are there once", async () => {
  const fleet = await fleetOf();
  const worker = await fleet.process({ held: ["book"] });
  await fleet.start(12);
  await worker.reached("book", 12);
  await worker.kill();
  await fleet.process();
  expect(await fleet.troubles()).toEqual([]);
});

test("workers killed again and again, wherever they are", async () => {
  const fleet = await fleetOf();
  await fleet.start(30, { rounds: 4, restMs: 20 });
  let workers = [await fleet.process(), await fleet.process()];
  for (const count of [20, 50, 80]) {
    await fleet.booked(count);
    const [first, second] = workers;
    await first?.kill();
    workers = [...(second ? [second] : []), await fleet.process()];
    await fleet.pokeAll(`after ${count}`);
  }
  expect(await fleet.troubles()).toEqual([]);
});

test("a worker stopped past its lease, and continued: its late results count nowhere", async () => {
  const fleet = await fleetOf();
  const stopped = await fleet.process({ held: ["book"] });
  await fleet.start(6);
  await stopped.reached("book", 6);
  stopped.hold("book", "call");
  await fleet.start(6);
  await stopped.reached("call", 12);
  stopped.pause();
  const successor = await fleet.process({ held: ["call"] });
  // Half of the actors have their result from the successor, and the others wait there for theirs.
  await fleet.booked(6);
  await successor.reached("call", 6);
  stopped.hold();
  stopped.resume();
  await fleet.shared(16, 16);
  successor.hold();
  expect(await fleet.troubles()).toEqual([]);
  // Both go on.
  await fleet.start(12);
  expect(await fleet.troubles()).toEqual([]);
});

test("a sender killed between the commit and its answer: the same key is a duplicate", async () => {
  const fleet = await fleetOf();
  await fleet.start(1, { rounds: 1 });
  const sender = await fleet.process({ role: "sender" });
  sender.send("trip-0", "payment-1");
  await sender.reached("committed");
  await sender.kill();
  const again = await fleet.engine.send(trip, "trip-0", { type: "POKE" }, { key: "payment-1" });
  expect(again.outcome).toBe("duplicate");
  await fleet.process();
  expect(await fleet.troubles()).toEqual([]);
  expect((await fleet.engine.get(trip, "trip-0")).context.pokes).toBe(1);
});

test("a newer version joins, is killed, and comes back: its actors wait for it, and the others go on", async () => {
  const fleet = await fleetOf("1.0.0", "2.0.0");
  await fleet.process();
  await fleet.start(8, { rounds: 1, restMs: 20_000 });
  await fleet.allIn("resting");
  const newer = await fleet.process({ version: "2.0.0", held: ["book"] });
  await fleet.shared(0, 32);
  await newer.reached("book", 8);
  await newer.kill();
  await fleet.shared(32);
  await fleet.process({ version: "2.0.0" });
  await fleet.shared(0, 32);
  expect(await fleet.troubles()).toEqual([]);
  for (let number = 0; number < 8; number += 1) {
    expect((await fleet.engine.get(trip, `trip-${number}`)).context.isMigrated).toBe(true);
  }
});
