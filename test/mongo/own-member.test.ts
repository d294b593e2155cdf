// Aim: a state server never reads its copy from a member that has no present data to give, and the member's
// state says so before any gate is shut. Method: the pure decision; the real answers of real members in every
// state that can be brought about.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Document } from "mongodb";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createAgent } from "../../src/index.ts";
import { type ReplicaSet, startReplicaSet } from "../../src/local/replica-set.ts";
import { silentLog } from "../../src/log.ts";
import { connect, memberOpener } from "../../src/mongo/connect.ts";
import { ownMemberUrl } from "../../src/mongo/members.ts";
import { memberTrouble, readMemberTrouble, type ServerFacts } from "../../src/mongo/own-member.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { createMongoDatabase } from "../../src/upgrade/database/mongo-database.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { startStandalone } from "../support/standalone.ts";
import { until } from "../support/until.ts";

const facts = (hello: Document, more: Partial<ServerFacts> = {}): ServerFacts => ({
  hello: { setName: "rs", lastWrite: { lastWriteDate: new Date(100_000) }, ...hello },
  setId: "1",
  stateName: null,
  ...more,
});
const set = facts({ isWritablePrimary: true });

test.each([
  ["a secondary", facts({ secondary: true })],
  ["the primary", facts({ isWritablePrimary: true })],
  ["a hidden one", facts({ secondary: true, hidden: true, passive: true })],
  ["one whose configuration may not be read", facts({ secondary: true }, { setId: null })],
  [
    "one a little behind",
    facts({ secondary: true, lastWrite: { lastWriteDate: new Date(60_000) } }),
  ],
  ["one that is ahead of the primary's answer", facts({ secondary: true, lastWrite: {} })],
])("accepted: %s", (_kind, member) => {
  expect(memberTrouble(member, set)).toBeNull();
});

test.each([
  ["an arbiter", true, facts({ arbiterOnly: true }), /arbiter/],
  ["delayed", true, facts({ secondary: true, secondaryDelaySecs: 5 }), /delayed by 5 s/],
  ["of another set by name", true, facts({ secondary: true, setName: "other" }), /another set/],
  ["of another set by id", true, facts({ secondary: true }, { setId: "2" }), /another set/],
  ["a mongos", true, facts({ msg: "isdbgrid" }), /mongos/],
  ["a standalone", true, facts({ setName: undefined, isWritablePrimary: true }), /standalone/],
  ["removed", false, facts({ setName: undefined, isreplicaset: true }), /not a member/],
  ["recovering", false, facts({}, { stateName: "RECOVERING" }), /^RECOVERING/],
  ["in a state that may not be read", false, facts({}), /neither primary nor secondary/],
  [
    "far behind",
    false,
    facts({ secondary: true, lastWrite: { lastWriteDate: new Date(0) } }),
    /100 s/,
  ],
])("refused: %s", (_kind, isLasting, member, words) => {
  expect(memberTrouble(member, set)).toMatchObject({
    isLasting,
    words: expect.stringMatching(words),
  });
});

test.each([
  ["mongodb://a:1,b:2/app", null],
  ["mongodb+srv://u:p@cluster.example/app", null],
  [
    "mongodb://u:p%2Cw@a:1/app?tls=true",
    "mongodb://u:p%2Cw@a:1/app?tls=true&directConnection=true&authSource=app",
  ],
  ["mongodb://a:1/?replicaSet=rs", "mongodb://a:1/?directConnection=true"],
  ["mongodb://a:1/?directConnection=false", "mongodb://a:1/?directConnection=true"],
  ["mongodb://a:1", "mongodb://a:1/?directConnection=true"],
])("a member's URL names one host and is read from directly: %s", (url, expected) => {
  if (expected !== null) expect(ownMemberUrl(url)).toBe(expected);
  else expect(() => ownMemberUrl(url)).toThrow(/names one member/);
});

let real: ReplicaSet;
let client: MongoClient;
let folder: string;
beforeAll(async () => {
  real = await startReplicaSet({ mongodPath: inject("mongodPath"), members: 4, arbiter: true });
  client = await connect(real.url("things"), "test");
  folder = await mkdtemp(join(tmpdir(), "lockstep-member-"));
});
afterAll(async () => {
  await client?.close();
  await real?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const troubleOf = async (url: string) => {
  const memberClient = await connect(ownMemberUrl(url), "test");
  try {
    return await readMemberTrouble({ memberClient, client });
  } finally {
    await memberClient.close();
  }
};

/** Starts an agent with this member, which is refused. */
const startWith = (memberUrl: string, mongoUrl = real.url("things")) =>
  createAgent({
    mongoUrl,
    memberUrl,
    agent: "a1",
    version: "1.0.0",
    steps: [],
    dataDirectory: folder,
    initialize: true,
    log: silentLog,
  }).start();

const refusal = (words: RegExp) => ({
  code: "bad-argument",
  message: expect.stringMatching(words),
});

async function reconfigure(change: (members: Document[]) => void): Promise<void> {
  const { config } = await client.db("admin").command({ replSetGetConfig: 1 });
  change(config.members);
  const next = { ...config, version: config.version + 1 };
  await client.db("admin").command({ replSetReconfig: next });
}

test("its own member is asked seldom, not with each heartbeat", async () => {
  const memberClient = new MongoClient(real.members[0]?.directUrl ?? "", { monitorCommands: true });
  let commands = 0;
  memberClient.on("commandStarted", () => {
    commands += 1;
  });
  const names = { databaseName: "things", controlDatabaseName: "lockstep_things" };
  const withMember = memberOpener(real.url(), "test");
  const database = createMongoDatabase({
    ...{ client, memberClient, withMember, ...names, agent: "a1", role: "state-server" },
    ...{ dataDirectory: folder, clock: systemClock, faultPoints: noFaults, log: silentLog },
    store: createMemoryStore({ now: () => 1_000 }),
  });
  const ask = () => database.holdings();
  expect(await ask()).toMatchObject({ memberTrouble: null, rights: { missing: "" } });
  const once = commands;
  expect(once).toBeGreaterThan(0);
  for (let heartbeat = 0; heartbeat < 10; heartbeat += 1) await ask();
  expect(commands).toBeLessThan(3 * once);
  await memberClient.close();
});

test("real members: the primary, an arbiter, hidden, recovering, delayed, removed, away", async () => {
  const primary = await real.primary();
  const [second, third] = real.members.slice(0, 3).filter((member) => member !== primary);
  const arbiter = real.members[3];
  if (!second || !third || !arbiter) throw new Error("a set of four");
  expect(await troubleOf(primary.directUrl)).toBeNull();
  expect(await troubleOf(second.directUrl)).toBeNull();
  expect(await troubleOf(arbiter.directUrl)).toMatchObject({ isLasting: true });
  await expect(startWith(arbiter.directUrl)).rejects.toMatchObject(refusal(/arbiter/));
  const direct = new URL("/things?directConnection=true", primary.directUrl).href;
  await expect(startWith(second.directUrl, direct)).rejects.toMatchObject(
    refusal(/stays with one/),
  );

  const secondary = new MongoClient(second.directUrl);
  await secondary.db("admin").command({ replSetMaintenance: 1 });
  const recovering = { isLasting: false, words: expect.stringMatching(/^RECOVERING/) };
  expect(await troubleOf(second.directUrl)).toEqual(recovering);
  await secondary.db("admin").command({ replSetMaintenance: 0 });
  await secondary.close();
  await until("readable", async () => (await troubleOf(second.directUrl)) === null);

  const place = async (more: Document) => {
    await reconfigure((members) => {
      Object.assign(members.find(({ host }) => host === second.host) ?? {}, more);
    });
    await until("configured", async () => {
      const memberClient = await connect(second.directUrl, "test");
      const hello = await memberClient.db("admin").command({ hello: 1 });
      await memberClient.close();
      return Number(hello["secondaryDelaySecs"] ?? 0) === more["secondaryDelaySecs"];
    });
  };
  await place({ priority: 0, hidden: true, secondaryDelaySecs: 0 });
  expect(await troubleOf(second.directUrl)).toBeNull();
  await place({ priority: 0, hidden: true, secondaryDelaySecs: 1 });
  expect(await troubleOf(second.directUrl)).toMatchObject({ isLasting: true });
  await expect(startWith(second.directUrl)).rejects.toMatchObject(refusal(/delayed by 1 s/));

  await reconfigure((members) => {
    members.splice(
      members.findIndex(({ host }) => host === third.host),
      1,
    );
  });
  await until("removed", async () => {
    const trouble = await troubleOf(third.directUrl);
    return trouble?.words.includes("not a member of any set") === true && !trouble.isLasting;
  });

  const memberClient = await connect(ownMemberUrl(third.directUrl), "test");
  await third.kill();
  expect(await readMemberTrouble({ memberClient, client })).toMatchObject({
    isLasting: false,
    words: expect.stringMatching(/^not answering/),
  });
  await memberClient.close();
});

test("real members of elsewhere: another set of the same name, a standalone, several hosts", async () => {
  const other = await startReplicaSet({ mongodPath: inject("mongodPath"), members: 1 });
  const alone = await startStandalone({ mongodPath: inject("mongodPath") });
  try {
    await expect(startWith(other.url())).rejects.toMatchObject(refusal(/another set/));
    await expect(startWith(alone.url())).rejects.toMatchObject(refusal(/standalone/));
    await expect(startWith(real.url())).rejects.toMatchObject(refusal(/names one member/));
  } finally {
    await other.stop();
    await alone.stop();
  }
});
