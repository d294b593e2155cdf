// Aim: an agent's process that died in the middle of a transaction holds up neither its next process nor the
// fleet until the server gives it up, after a minute. Method: a real set; a dead process' open transaction on
// the record that the next one registers in.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { connectionNames } from "../../../src/control/ids.ts";
import { createAgent, createLog } from "../../../src/index.ts";
import { createMongoStore } from "../../../src/journal/mongo-store.ts";
import { collections, type Write } from "../../../src/journal/store.ts";
import { controlDatabaseName } from "../../../src/mongo/database-names.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, urlOf } from "../../support/database.ts";

test("the next process ends what an earlier one had open, of its own fleet alone", async () => {
  const name = freshDatabaseName();
  const dataDirectory = await mkdtemp(join(tmpdir(), "lockstep-agent-"));
  onTestFinished(() => rm(dataDirectory, { recursive: true, force: true }));
  const said: string[] = [];
  const log = createLog({ destination: { write: (line) => said.push(line) } });
  const base = { mongoUrl: urlOf(name), agent: "a1", version: "1.0.0", steps: [] };
  const options = { ...base, dataDirectory, log };
  const first = createAgent({ ...options, initialize: true });
  await first.start();
  await first.stop();

  const control = controlDatabaseName(name);
  const open = async (database: string, appName: string) => {
    const client = new MongoClient(inject("mongoUrl"), { appName });
    onTestFinished(() => client.close());
    const session = client.startSession();
    session.startTransaction();
    const agents = client.db(database).collection<{ _id: string }>(collections.agents);
    await agents.updateOne({ _id: "a1" }, { $set: { gate: "open" } }, { session });
    return session;
  };
  const dead = await open(control, connectionNames(control, "a1", "dead").own);
  const other = controlDatabaseName(freshDatabaseName());
  const stranger = await open(other, connectionNames(other, "a1", "alive").own);

  const second = createAgent(options);
  await second.start();
  await expect(dead.commitTransaction()).rejects.toThrow(/aborted|not in progress|does not match/i);
  await stranger.commitTransaction();
  // Not by the server, a minute later.
  expect(said.some((line) => line.includes("sessions of an earlier process are ended"))).toBe(true);
  await second.stop();
});

test("one document is written without a transaction, several with one", async () => {
  const client = new MongoClient(inject("mongoUrl"), { monitorCommands: true });
  onTestFinished(() => client.close());
  const store = createMongoStore({
    client,
    databaseName: freshDatabaseName(),
    faultPoints: noFaults,
    clock: systemClock,
  });
  const begun: string[] = [];
  client.on("commandStarted", ({ command, commandName }) => {
    if (command["startTransaction"]) begun.push(commandName);
  });
  const fresh = (id: string): Write => ({ collection: "things", id, expect: null, set: { n: 1 } });
  expect(await store.write([fresh("a")])).toBe(null);
  expect(await store.write([fresh("a")])).toBe(0);
  const more = { collection: "things", id: "a", expect: { n: 1 }, set: { n: 2 } };
  expect(await store.write([more])).toBe(null);
  expect(await store.write([more])).toBe(0);
  expect(begun).toEqual([]);
  expect(await store.write([fresh("b"), fresh("a")])).toBe(1);
  expect(await store.get("things", "b")).toBe(undefined);
  expect(begun).toEqual(["insert"]);
});
