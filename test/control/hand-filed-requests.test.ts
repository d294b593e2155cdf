// Aim: no request that somebody has filed, however large, malformed, odd or numerous, keeps a later one waiting or
// ends the stream of hints. Method: an agent that is master on a real set; requests written into its inbox by hand.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Binary, type Document, Long, MongoClient, ObjectId } from "mongodb";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { createAgent, createFleetClient, type FleetClient } from "../../src/index.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { collections } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { documentOf } from "../../src/mongo/bson/elements.ts";
import { insertRaw } from "../../src/mongo/bson/raw-insert.ts";
import { controlDatabaseName } from "../../src/mongo/database-names.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { element, oddValues } from "../database/odd-values.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

const megabyte = 1024 * 1024;
const name = freshDatabaseName();
const control = controlDatabaseName(name);
const inbox = (client: MongoClient) =>
  client.db(control).collection<Document & { _id: unknown }>(collections.inbox);
let client: MongoClient;
let fleet: FleetClient;

beforeAll(async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lockstep-agent-"));
  const base = { mongoUrl: urlOf(name), agent: "a1", version: "1.0.0", steps: [] };
  const agent = createAgent({ ...base, dataDirectory, initialize: true });
  await agent.start();
  client = await new MongoClient(inject("mongoUrl")).connect();
  // Its answer may be the last of hundreds, on a machine that is busy with other work.
  fleet = await createFleetClient({ mongoUrl: urlOf(name), answerTimeoutMs: 300_000 });
  await until("a master", async () => (await fleet.status()).master?.live);
  return async () => {
    await fleet.close();
    await client.close();
    await agent.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  };
});

/** As a client files it, but for what a test changes. */
function filed(_id: unknown, more: Document = {}) {
  const request = { kind: "retry" };
  return { ...{ _id, at: 0, waitedForUntil: 1e15, request, answer: null, begun: false }, ...more };
}

const abort = (bytes: number) => ({ request: { kind: "abort", why: "x".repeat(bytes) } });

async function isServed() {
  await expect(fleet.request({ kind: "forget", agent: "nobody" })).rejects.toMatchObject({
    code: "unknown-agent",
  });
}

async function answerTo(_id: unknown) {
  const found = await inbox(client).findOne({ _id: _id as never }, { projection: { answer: 1 } });
  return found?.["answer"];
}

test.each<[string, Document]>([
  ["a request of 9 MB", filed("9 MB", abort(9 * megabyte))],
  ["a request of nearly 16 MB", filed("16 MB", abort(16 * megabyte - 200))],
  ["a request of 20 KB", filed("20 KB", abort(20 * 1024))],
  [
    "a request of a megabyte of fields",
    filed("fields", { request: { kind: "retry", more: Array(100_000).fill(1) } }),
  ],
  ["an unknown kind", filed("kind", { request: { kind: "explode" } })],
  ["a kind that every object has", filed("constructor", { request: { kind: "constructor" } })],
  ["a kind that is no text", filed("no text", { request: { kind: { $gt: "" } } })],
  ["no request", filed("none", { request: null })],
  ["a list for a request", filed("list", { request: [] })],
  [
    "an upgrade without deadlines",
    filed("deadlines", { request: { kind: "upgrade", to: "1.1.0" } }),
  ],
  ["a restore without a backup", filed("backup", { request: { kind: "restore", deadlines: {} } })],
  ["a time that is a text", filed("text", { at: "now" })],
  ["no end of its wait", filed("endless", { waitedForUntil: null })],
  ["nothing but an id", { _id: "bare" }],
  ["an ObjectId for an id", filed(new ObjectId())],
  ["a number for an id", filed(5)],
  ["a long for an id", filed(Long.fromString("1152921504606846977"))],
  ["null for an id", filed(null)],
  ["an object for an id", filed({ b: 1, a: { c: 1 } })],
  ["bytes for an id", filed(new Binary(Buffer.from("id")))],
])("%s is refused, and a later request is served", async (_, document) => {
  await inbox(client).insertOne(document as never);
  await isServed();
  const { _id } = document;
  await expect.poll(() => answerTo(_id)).toMatchObject({ ok: false, code: "bad-argument" });
  const kept = await inbox(client).findOne({ _id: _id as never });
  expect(kept).not.toHaveProperty("request");
  expect(kept?.["expiresAt"]).toBeInstanceOf(Date);
});

test("those that are too large outside of their request cannot be answered, and a later request is served", async () => {
  for (const number of [1, 2, 3]) {
    const ballast = "x".repeat(16 * megabyte - 300);
    await inbox(client).insertOne(filed(`ballast ${number}`, { request: null, ballast }) as never);
  }
  await isServed();
  await isServed();
  await inbox(client).deleteMany({});
});

test("ids and texts that JavaScript cannot hold keep no later request waiting", async () => {
  const { signal } = new AbortController();
  const inserting = { client, databaseName: control, clock: systemClock, signal };
  const into = { name: collections.inbox };
  for (const [number, [type, value]] of Object.values(oddValues).entries()) {
    const asText = documentOf([
      element("_id", 16, Buffer.from([number, 0, 0, 1])),
      element("at", 16, Buffer.alloc(4)),
      element("request", type, value),
    ]);
    const asId = documentOf([element("_id", type, value), element("at", 16, Buffer.alloc(4))]);
    await insertRaw(inserting, into, asText);
    // Of some types the server takes no id.
    await insertRaw(inserting, into, asId).catch(() => {});
  }
  await isServed();
  await isServed();
  await inbox(client).deleteMany({});
});

test("a few hundred that wait are served or refused, and a later request is served", async () => {
  const many = Array.from({ length: 500 }, (_, number) => filed(`many ${number}`, { at: number }));
  await inbox(client).insertMany(many as never);
  await isServed();
  const codes = await inbox(client).distinct("answer.code", { _id: /^many/ as never });
  expect(codes.toSorted()).toEqual(["no-upgrade", "too-many-requests"]);
  expect(await answerTo("many 0")).toMatchObject({ code: "no-upgrade" });
});

test("an abort is served before thousands that were filed by hand", async () => {
  const many = Array.from({ length: 1_500 }, (_, number) => filed(`flood ${number}`));
  await inbox(client).insertMany(many as never);
  await expect(fleet.request({ kind: "abort", why: "enough" })).rejects.toMatchObject({
    code: "no-upgrade",
  });
  expect(await inbox(client).countDocuments({ answer: null })).toBeGreaterThan(0);
  await inbox(client).deleteMany({});
});

test("large requests do not end the stream of hints", async () => {
  const hints: string[] = [];
  const store = createMongoStore({
    client,
    databaseName: control,
    faultPoints: noFaults,
    clock: systemClock,
  });
  onTestFinished(() => store.close());
  const stop = store.watch((what) => hints.push(what));
  onTestFinished(stop);
  const seen = () => expect.poll(() => hints.length, { timeout: 30_000 }).toBeGreaterThan(0);
  await expect
    .poll(async () => {
      await inbox(client).insertOne(filed(new ObjectId()) as never);
      return hints.length;
    })
    .toBeGreaterThan(0);
  for (const bytes of [9 * megabyte, 16 * megabyte - 200]) {
    hints.length = 0;
    await inbox(client).insertOne(filed(new ObjectId(), abort(bytes)) as never);
    await seen();
    await isServed();
  }
  // It would be the hint of a stream that has been opened anew.
  expect(hints).not.toContain("");
  // An id that large is part of each event: the stream is opened anew behind it.
  await inbox(client).insertOne(filed("x".repeat(7 * megabyte)) as never);
  await isServed();
  hints.length = 0;
  await inbox(client).insertOne(filed(new ObjectId()) as never);
  await seen();
});

test("a request that is too large is not filed", async () => {
  const tooLarge = { kind: "abort", why: "x".repeat(limits.requestBytesMax) } as const;
  await expect(fleet.request(tooLarge)).rejects.toMatchObject({ code: "bad-argument" });
  // Requests of earlier tests may still wait.
  expect(await inbox(client).countDocuments({ "request.why": tooLarge.why })).toBe(0);
});
