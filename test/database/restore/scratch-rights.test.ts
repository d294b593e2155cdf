// Aim: a scratch database that held a view can be used again by a user without a right to the server's own
// collection of views, which not even the role root has. Method: a real set with users, the pool as a command uses it.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScratchOptions, withScratch } from "../../../src/database/restore/scratch.ts";
import type { ReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { scratchDatabaseNames } from "../../../src/mongo/database-names.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { startSecureSet } from "../../support/secure.ts";
import { never } from "../setting.ts";

let set: ReplicaSet;
let root: MongoClient;
beforeAll(async () => {
  set = await startSecureSet();
  root = new MongoClient(set.url("things"));
});
afterAll(async () => {
  await root?.close();
  await set?.stop();
});

test("views and time series in each scratch database, more often than there are databases", async () => {
  const control = { client: root, databaseName: "lockstep_things" };
  const options: ScratchOptions = {
    ...{ client: root, control, purpose: "a test", signal: never, faultPoints: noFaults },
    ...{ log: silentLog, clock: systemClock },
  };
  const pool = scratchDatabaseNames(control.databaseName);
  for (let use = 0; use < pool.length + 2; use += 1) {
    await withScratch(options, async ({ name, target }) => {
      await target.create?.({ create: "items" }, "collection");
      await target.create?.({ create: "seen", viewOn: "items", pipeline: [] }, "view");
      await target.create?.({ create: "a", timeseries: { timeField: "at" } }, "timeseries");
      await root.db(name).collection("items").insertOne({ use });
    });
    expect(await root.db("lockstep").collection("claims").find().toArray()).toEqual([]);
    const listed = await Promise.all(pool.map((name) => root.db(name).listCollections().toArray()));
    expect(listed.flat().filter(({ name }) => name !== "system.views")).toEqual([]);
  }
});
