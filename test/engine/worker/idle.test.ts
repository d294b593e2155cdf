// Aim: a process without work asks the database no more than docs/engine.md says. Method: the commands of a client on a
// real replica set are counted over a time that the test lets pass, on the clock of the engine alone.
import { MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { freshDatabaseName } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { trip } from "../faults/trip.ts";

/** A client whose commands are counted, by their names and collections. */
function countingClient() {
  const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
  onTestFinished(() => client.close());
  const counts = new Map<string, number>();
  const open = new Set<number>();
  client.on("commandStarted", ({ requestId, commandName, command }) => {
    const target = command[commandName];
    // The answer to a change stream's question is waited for by the server, in real time.
    if (commandName === "getMore") return;
    const name = typeof target === "string" ? `${commandName} ${target}` : commandName;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    open.add(requestId);
  });
  const ended = ({ requestId }: { readonly requestId: number }) => void open.delete(requestId);
  client.on("commandSucceeded", ended);
  client.on("commandFailed", ended);
  return { client, counts, isQuiet: () => open.size === 0 };
}

/** An engine whose clock only the test moves: time passes for it once all of its commands are answered. */
async function idleEngine(work: boolean) {
  const { client, counts, isQuiet } = countingClient();
  const clock = createVirtualClock();
  const store = createMongoEngineStore({
    ...{ client, databaseName: freshDatabaseName(), clock: systemClock, faultPoints: noFaults },
  });
  const starting = startEngine(
    { machines: [trip], work },
    { store, clock, random: systemRandom, log: silentLog, host: "here", pid: 1 },
  );
  const engine = await starting;
  onTestFinished(async () => {
    const closing = engine.close();
    await clock.advance(limits.workStopGraceMs);
    await closing;
  });
  const pass = async (ms: number) => {
    const stepMs = 250;
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      await clock.advance(stepMs);
      await until("the answers to all commands", isQuiet);
    }
  };
  return { engine, store, counts, pass };
}

const periodMs = limits.workerLeaseTtlMsDefault / limits.workerRenewFraction;
const minutesMs = 3 * 60_000;

test("an idle worker renews its lease and looks for the others, and hardly more", async () => {
  const { store, counts, pass } = await idleEngine(true);
  await pass(5_000);
  const partitions = await store.partitions();
  expect(partitions.every(({ worker }) => worker !== null)).toBe(true);
  counts.clear();
  await pass(minutesMs);
  const periods = minutesMs / periodMs;
  const floors = minutesMs / limits.workerLookFloorMs;
  const most: Readonly<Record<string, number>> = {
    "update lockstep_workers": periods,
    // Once more after each look at the partitions.
    "aggregate lockstep_workers": periods + floors,
    "find lockstep_partitions": floors,
    hello: minutesMs / limits.databaseClockReadEveryMs,
    // One look for what is due, a partition.
    "find lockstep_actors": limits.partitionsOfMachine,
  };
  const more = [...counts].filter(([name, count]) => count > 1 + (most[name] ?? -1));
  expect(more).toEqual([]);
  // It lives: the counts are no accident.
  expect(counts.get("update lockstep_workers")).toBeGreaterThan(periods / 2);
});

test("an idle process that only sends asks nothing", async () => {
  const { engine, counts, pass } = await idleEngine(false);
  await engine.start(trip, { id: "a", input: { rounds: 1, restMs: 1 } });
  await pass(1_000);
  counts.clear();
  await pass(minutesMs);
  expect([...counts]).toEqual([]);
});
