// Aim: what is acknowledged is on a majority. Method: a set whose secondaries stand still: an entry is on
// the primary, where it can be read, and nobody is told that it is in the journal.

import { MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import type { Entry } from "../../src/journal/store.ts";
import { startReplicaSet } from "../../src/local/replica-set.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { until } from "../support/until.ts";

const entryOf = (revision: number): Entry => ({
  ...{ actor: "a", revision, machine: "m", owner: { kind: "role", role: "master" } },
  ...{ event: { type: "e" }, outcome: "applied", snapshot: "{}", state: "s", status: "active" },
  ...{ timers: [], effects: [], epoch: 1, protocol: 1, at: revision },
});

test("an entry that only the primary has is not acknowledged", async () => {
  const set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  onTestFinished(() => set.stop());
  const client = new MongoClient(set.url("control"));
  onTestFinished(() => client.close());
  const store = createMongoStore({
    client,
    databaseName: "control",
    faultPoints: noFaults,
    clock: systemClock,
  });
  expect(await store.append([entryOf(0)])).toEqual([{ kind: "appended" }]);

  const primary = await set.primary();
  const direct = new MongoClient(primary.directUrl);
  onTestFinished(() => direct.close());
  // Long enough for the primary to stay one while the secondaries stand still.
  const { config } = await direct.db("admin").command({ replSetGetConfig: 1 });
  const settings = { ...config.settings, electionTimeoutMillis: 120_000 };
  const version = config.version + 1;
  await direct.db("admin").command({ replSetReconfig: { ...config, version, settings } });
  const secondaries = set.members.filter(({ name }) => name !== primary.name);
  for (const { pid } of secondaries) signalProcess(pid, "SIGSTOP");
  let acknowledged = false;
  const appending = store.append([entryOf(1)]).then((results) => {
    acknowledged = true;
    return results;
  });
  try {
    const journal = direct.db("control").collection("journal");
    const onPrimary = { "_id.revision": 1 };
    await until("the entry on the primary", () => journal.countDocuments(onPrimary));
    // The server answers in order, so any answer to it comes before these.
    for (let round = 0; round < 50; round += 1) await client.db("admin").command({ ping: 1 });
    expect(acknowledged).toBe(false);
    expect(await store.tail("a")).toMatchObject({ revision: 0 });
  } finally {
    for (const { pid } of secondaries) signalProcess(pid, "SIGCONT");
  }
  expect(await appending).toEqual([{ kind: "appended" }]);
  expect(await store.tail("a")).toMatchObject({ revision: 1 });
});

test("an entry that never reached a primary is not acknowledged, whatever the driver says of it", async () => {
  const set = await startReplicaSet({ mongodPath: inject("mongodPath"), members: 1 });
  onTestFinished(() => set.stop());
  const client = new MongoClient(set.url("control"), { serverSelectionTimeoutMS: 1_000 });
  onTestFinished(() => client.close());
  const store = createMongoStore({
    client,
    databaseName: "control",
    faultPoints: noFaults,
    clock: systemClock,
  });
  expect(await store.append([entryOf(0)])).toEqual([{ kind: "appended" }]);
  const [member] = set.members;
  await member?.kill();
  await expect(store.append([entryOf(1)])).rejects.toMatchObject({ code: "database-unreachable" });
  await member?.restart();
  await until("it to answer again", () => store.tail("a").catch(() => null));
  expect(await store.tail("a")).toMatchObject({ revision: 0 });
});
