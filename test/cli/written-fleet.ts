import { MongoClient } from "mongodb";
import { inject, onTestFinished } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import type { Entry, Store } from "../../src/journal/store.ts";
import { controlDatabaseName } from "../../src/mongo/database-names.ts";
import { createFleetClient } from "../../src/operator/fleet-client.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import {
  coordinator,
  fleetIn,
  from,
  join,
  to,
  upgradeId,
  ways,
} from "../upgrade/protocol/facts.ts";

/** A fleet whose records the test has written: nobody moves it. */
export interface WrittenFleet {
  readonly name: string;
  readonly url: string;
  readonly store: Store;
  readonly client: MongoClient;
  /** Its agents are heard now, and from now on. */
  beat(): Promise<void>;
  /** Accepts each request from now on, as about this upgrade. */
  accept(message: string): void;
}

const deadlineMs = 3_600_000;

/** An entry as if the journal had begun at this time. */
function since(startMs: number, entry: Entry): Entry {
  const timers = entry.timers.map((timer) => ({ ...timer, dueAt: startMs + deadlineMs }));
  return { ...entry, at: startMs + entry.at, timers, by: "a1", build: to };
}

/**
 * A fleet of two agents on 1.0.0 in the shared set, whose upgrade to 1.1.0 is in a state, by the journal that the core
 * writes on the way there. It goes with the test.
 * @param state null: no upgrade has been asked for
 */
export async function writtenFleet(state: string | null): Promise<WrittenFleet> {
  const name = freshDatabaseName();
  const url = urlOf(name);
  const fleet = await createFleetClient({ mongoUrl: url });
  await fleet.init(from, { newDatabase: true });
  await fleet.close();
  const client = await new MongoClient(inject("mongoUrl"), { ignoreUndefined: true }).connect();
  const databaseName = controlDatabaseName(name);
  const store = createMongoStore({
    ...{ client, databaseName, faultPoints: noFaults, clock: systemClock, writeTimeoutMs: 30_000 },
  });
  const control = client.db(databaseName);
  let isOpen = true;
  const loops: Promise<unknown>[] = [];
  onTestFinished(async () => {
    isOpen = false;
    await Promise.all(loops);
    await store.close();
    await control.dropDatabase();
    await client.close();
  });
  for (const agent of ["a1", "a2"]) {
    await join(store, agent, { version: state === "done" ? to : from });
  }
  if (state !== null) {
    const startMs = (await store.now()) - 100_000;
    for (const entry of coordinator(ways[state] ?? [])) {
      await store.append([since(startMs, entry)]);
    }
    const versions = control.collection<{ _id: string }>("versions");
    await versions.updateOne({}, { $set: fleetIn(state).versions ?? {} });
  }
  const answer = async (message: string) => {
    const inbox = control.collection<{ _id: string }>("inbox");
    while (isOpen) {
      await inbox.updateMany(
        { answer: null },
        { $set: { answer: { ok: true, upgradeId, message } } },
      );
      await systemClock.sleep(50);
    }
  };
  const beatOnce = async () => {
    const lastSeenAt = await store.now();
    await control.collection("agents").updateMany({}, { $set: { lastSeenAt } });
  };
  const goOnBeating = async () => {
    while (isOpen) {
      await systemClock.sleep(500);
      await beatOnce();
    }
  };
  return {
    ...{ name, url, store, client },
    async beat() {
      await beatOnce();
      loops.push(goOnBeating());
    },
    accept(message) {
      loops.push(answer(message));
    },
  };
}
