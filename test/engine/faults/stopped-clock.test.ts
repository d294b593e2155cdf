// Aim: the fence alone refuses a worker that was replaced and has not noticed. Method: two engines on one database of a
// real replica set; the clock of the first one stands still, so its lease never ends for it, while a test holds its work.
import { expect, inject, onTestFinished, test } from "vitest";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { type Log, silentLog } from "../../../src/log.ts";
import { type Clock, systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { type Booking, type Effect, type Place, tripOf } from "./trip.ts";

/** The real clock, which can stand still. */
function stoppableClock(): Clock & { stop(): void; goOn(): void } {
  let stoppedAtMs: number | undefined;
  let behindMs = 0;
  let goOn = () => {};
  let going = Promise.resolve();
  const monotonicMs = () => stoppedAtMs ?? systemClock.monotonicMs() - behindMs;
  return {
    monotonicMs,
    async sleep(ms, signal) {
      await systemClock.sleep(ms, signal);
      await going;
    },
    stop() {
      stoppedAtMs = monotonicMs();
      going = new Promise((resolve) => {
        goOn = resolve;
      });
    },
    goOn() {
      if (stoppedAtMs === undefined) return;
      behindMs = systemClock.monotonicMs() - stoppedAtMs;
      stoppedAtMs = undefined;
      goOn();
    },
  };
}

/** A worker in this process. Its work waits at a place until the test lets it go. */
async function workerOn({ databaseName }: Fleet, place: Place, clock: Clock) {
  const client = await openClient();
  const said: string[] = [];
  const note = (fields: object, message: string) =>
    void said.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { ...silentLog, info: note, warn: note, error: note, child: () => log };
  let letGo = () => {};
  const go = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let visits = 0;
  const database = client.db(databaseName);
  const machine = tripOf("1.0.0", {
    effects: database.collection<Effect>("effects"),
    bookings: database.collection<Booking>("bookings"),
    async visit(at) {
      if (at !== place) return;
      visits += 1;
      await go;
    },
  });
  const store = createMongoEngineStore({
    ...{ client, databaseName, clock: systemClock, faultPoints: noFaults },
  });
  const engine = await startEngine(
    { machines: [machine], leaseTtlMs: 2_000 },
    { store, clock, random: systemRandom, log, host: "here", pid: 1 },
  );
  onTestFinished(() => {
    letGo();
    return engine.close();
  });
  const reached = async () => {
    await until(`a visit of ${place}`, () => visits > 0);
  };
  return { reached, letGo, said };
}

test.each(["call", "book"] as const)(
  "a late result of %s is refused before its successor has one, and the successor's counts",
  async (place) => {
    const fleet = await createFleet(inject("mongoUrl"));
    const clock = stoppableClock();
    const late = await workerOn(fleet, place, clock);
    await fleet.start(1, { rounds: 1 });
    await late.reached();
    clock.stop();
    onTestFinished(() => clock.goOn());
    const successor = await workerOn(fleet, place, systemClock);
    await successor.reached();
    const before = await fleet.store.tail("trip-0");
    late.letGo();
    await until("the refusal", () =>
      late.said.some((line) => /has taken over from|lost with its transaction/.test(line)),
    );
    expect(await fleet.store.tail("trip-0")).toEqual(before);
    successor.letGo();
    expect(await fleet.troubles()).toEqual([]);
    const { context } = await fleet.engine.get(tripOf("1.0.0"), "trip-0");
    expect(place === "call" ? context.calls : context.bookings).toEqual([
      expect.not.stringMatching(/#1$/),
    ]);
    clock.goOn();
    await fleet.shared(16, 16);
  },
);
