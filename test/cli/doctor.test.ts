// Aim: the doctor examines all that it can reach, says what is wrong with a mend, and writes nothing; a part that fails does not
// end the others. Method: the compiled program on a real set with users, whose oplog is read before and after.
import { resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { register } from "../../src/control/agents.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { type ReplicaSet, startReplicaSet } from "../../src/local/replica-set.ts";
import { createFleetClient } from "../../src/operator/fleet-client.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { runCommand } from "../../src/ports/process.ts";
import { documentedRole } from "../support/documented-role.ts";
import { linesOf } from "../support/output-schemas.ts";
import { secureWith } from "../support/secure.ts";

interface Finding {
  readonly name: string;
  readonly outcome: string;
  readonly figure: string;
  readonly code: string | null;
  readonly mend: string | null;
}

const main = resolve("dist/src/cli/main.js");
const upsert = { upsert: true };
let set: ReplicaSet;
let client: MongoClient;
let doctorName = "keeper";

beforeAll(async () => {
  set = await startReplicaSet({ mongodPath: inject("mongodPath"), secure: secureWith() });
  client = await new MongoClient(set.url("things")).connect();
  await client.db().collection("items").insertOne({ a: 1 });
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
});

async function run(...words: string[]) {
  const url = set.url("things").replace("keeper:", `${doctorName}:`);
  const all = [main, "doctor", "--mongo-url", url, ...words];
  const ran = await runCommand(process.execPath, all, { timeoutMs: 120_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}`, out: ran?.stdout ?? "" };
}

/** Runs it as a program reads it. */
async function examine(...words: string[]) {
  const { code, out, text } = await run("--json", ...words);
  const lines = linesOf("doctor", out);
  const findings: readonly Finding[] = lines.slice(0, -1);
  for (const { outcome, mend, name } of findings)
    expect(mend === null, name).toBe(outcome === "ok");
  const count = (outcome: string) => findings.filter((one) => one.outcome === outcome).length;
  const [ok, warning, trouble] = ["ok", "warning", "trouble"].map(count);
  expect(lines.at(-1)).toEqual({ type: "doctor", formatVersion: 1, ok, warning, trouble });
  const finding = (name: string) => findings.find((one) => one.name === name);
  return { code, text, findings, finding };
}

/** The time of the last write by anybody but the server itself. */
async function lastWrite(): Promise<unknown> {
  const [last] = await client
    .db("local")
    .collection("oplog.rs")
    .find({ op: { $ne: "n" }, ns: { $not: /^config\./ } })
    .sort({ $natural: -1 })
    .limit(1)
    .toArray();
  return last?.["ts"];
}

const ofServers = [
  ...["the connection", "the deployment", "the members", "the clocks of the members"],
  ...["the window of the oplog", "a majority of the members", "the versions of the members"],
  ...["the open files of the members", "the disks of the members", "the oplog"],
];

test("a fleet that nobody has declared is trouble, and the rest is examined all the same", async () => {
  const before = await lastWrite();
  const { code, finding, findings, text } = await examine("--fleet", "nowhere");
  expect(code, text).toBe(1);
  expect(finding("the fleet")).toMatchObject({
    ...{ outcome: "trouble", code: "no-version", mend: expect.stringContaining("lockstep init") },
  });
  for (const name of ofServers) expect(finding(name), name).toMatchObject({ outcome: "ok" });
  expect(finding("the versions of the members")?.figure).toMatch(/^MongoDB [\d.]+ on 3 members/);
  expect(finding("the clocks of the members")?.figure).toMatch(/^3 clocks, at most [\d.]+ s apart/);
  expect(finding("the window of the oplog")?.figure.split(", ")).toHaveLength(3);
  expect(finding("the disks of the agents")?.figure).toMatch(/; no state server is there$/);
  expect(findings.filter(({ outcome }) => outcome === "trouble")).toHaveLength(1);
  expect(await lastWrite()).toEqual(before);
});

test("agents that cannot go on, claims of the dead, and stray databases are named with a mend", async () => {
  const fleet = await createFleetClient({ mongoUrl: set.url("things") });
  await fleet.init("1.0.0");
  await fleet.close();
  const control = { client, databaseName: "lockstep_things", faultPoints: noFaults };
  const store = createMongoStore({ ...control, clock: systemClock });
  for (const agent of ["a1", "a2"]) {
    await register(store, agent, {
      ...{ role: "state-server", version: "1.0.0", startable: ["1.0.0"], incarnationAtLeast: 1 },
      ...{ freeBytes: 2 ** 40, backups: [], memberTrouble: null, host: "h", pid: 7 },
    });
  }
  await store.close();
  const agents = client.db("lockstep_things").collection<{ _id: string }>("agents");
  await agents.updateOne({ _id: "a1" }, { $set: { blocked: "a full disk: make room" } });
  await agents.updateMany({}, { $set: { lastSeenAt: 1 } });
  const name = "lockstep_things_scratch_2";
  await client.db("lockstep_things_scratch_1").createCollection("left");
  await client.db("lockstep_gone").createCollection("journal");
  const dead = { name, owner: "x", purpose: "a rehearsal", fleet: "lockstep_things", host: "h" };
  await client
    .db("lockstep")
    .collection<{ _id: string }>("claims")
    .insertOne({
      ...{ _id: name, ...dead, pid: 7, epoch: null, since: new Date(0), expiresAt: 1, created: [] },
    } as { _id: string });

  const before = await lastWrite();
  const { code, finding, text } = await examine();
  expect(code, text).toBe(1);
  expect(finding("the fleet")?.figure).toBe(
    '"things": agent version 1.0.0, database version 1.0.0',
  );
  expect(finding("the agent a1")).toMatchObject({
    ...{ outcome: "trouble", figure: "blocked: a full disk: make room" },
  });
  expect(finding("the agent a2")?.mend).toContain("lockstep forget a2");
  expect(finding("the master")).toMatchObject({
    ...{ outcome: "trouble", mend: expect.stringContaining("start a state server") },
  });
  expect(finding("the scratch databases")).toMatchObject({
    outcome: "warning",
    figure: "1 of 4 are claimed; nobody has claimed what is left in lockstep_things_scratch_1",
  });
  expect(finding("the claims")).toMatchObject({
    ...{ outcome: "warning", figure: expect.stringContaining("a rehearsal") },
  });
  expect(finding("the databases of other fleets")?.figure).toMatch(
    /nobody has registered the fleets of lockstep_gone$/,
  );
  const shown = await run();
  expect(shown.code).toBe(1);
  expect(shown.out).toContain(
    "trouble  the agent a1: blocked: a full disk: make room\n           mend: mend the cause",
  );
  expect(shown.out).toMatch(/\d+ ok, \d+ warnings, 3 troubles\n$/);
  expect(await lastWrite()).toEqual(before);
});

test("what an upgrade has left behind is named while none is active, as the set has it", async () => {
  doctorName = "keeper";
  const names = ["the write block", "the TTL deletion", "the hold of history"];
  const well = await examine();
  for (const name of names) expect(well.finding(name)?.outcome, name).toBe("ok");
  const fences = client.db("lockstep_things").collection<{ _id: string }>("fences");
  const shared = client.db("lockstep").collection<{ _id: string }>("fences");
  const hosts = ["h:1"];
  const resting = { hosts, holders: ["lockstep_things/upgrade/u000001"] };
  await shared.updateOne({ _id: "deletions" }, { $set: resting }, upsert);
  const holders = [{ holder: "lockstep_things/u000001", seconds: 900, untilMs: null }];
  const members = [{ host: "h:1", previous: 300, values: [900] }];
  await shared.updateOne({ _id: "history" }, { $set: { holders, members } }, upsert);
  await client.db("admin").command({ setUserWriteBlockMode: 1, global: true });
  try {
    const { code, finding, text } = await examine();
    expect(code, text).toBe(1);
    for (const name of names) expect(finding(name)?.outcome, name).toBe("warning");
    expect(finding("the TTL deletion")?.figure).toContain("it rests on h:1");
    expect(finding("the write block")?.mend).toContain("lockstep allow-writes --force");
  } finally {
    await client.db("admin").command({ setUserWriteBlockMode: 1, global: false });
  }
  // Nobody lifts the holds of a fleet that is not registered.
  const ofGone = { hosts, holders: ["lockstep_gone/upgrade/u000001"] };
  await shared.updateOne({ _id: "deletions" }, { $set: ofGone }, upsert);
  expect((await examine()).finding("the TTL deletion")?.mend).toContain("gone for good");
  await fences.updateOne({ _id: "write-block" }, { $set: { holder: "u000001" } }, upsert);
  expect((await examine()).finding("the write block")?.outcome).toBe("trouble");
  await fences.deleteMany({});
  await shared.deleteMany({});
});

test("each right that is missing is a line; the documented role misses none", async () => {
  const { smallest } = await documentedRole({ application: "things", restoredBeside: "before" });
  const admin = client.db("admin");
  await admin.command(smallest);
  await admin.command({ createUser: "nobody", pwd: "secret", roles: [] });
  await admin.command({ createUser: "doctor", pwd: "secret", roles: ["lockstep"] });
  doctorName = "stranger";
  const refused = await examine();
  expect([refused.code, refused.findings.length], refused.text).toEqual([4, 1]);
  expect(refused.finding("the connection")).toMatchObject({
    ...{ outcome: "trouble", figure: "Authentication failed." },
  });
  doctorName = "nobody";
  const without = await examine();
  expect(without.code, without.text).toBe(1);
  for (const name of ["the connection", "the clocks of the members"]) {
    expect(without.finding(name), name).toMatchObject({ outcome: "ok" });
  }
  for (const name of ["the fleet", "the rights of the URL's user", "the members", "the agents"]) {
    expect(without.finding(name), name).toMatchObject({
      ...{ outcome: "trouble", code: "rights-missing", mend: expect.stringContaining("grant") },
    });
  }
  expect(without.finding("the window of the oplog")?.outcome).toBe("warning");
  doctorName = "doctor";
  const documented = await examine();
  expect(documented.findings.filter(({ code }) => code !== null)).toEqual([]);
  expect(documented.finding("the rights of the URL's user")).toMatchObject({
    ...{ outcome: "warning", figure: expect.stringContaining("killop") },
  });
});

test("a member that is away is a warning, a set without a primary names each server of the URL", async () => {
  doctorName = "keeper";
  const primary = await set.primary();
  const [away, left] = set.members.filter((member) => member !== primary);
  await away?.kill();
  const { finding, text } = await examine();
  expect(finding("the members"), text).toMatchObject({
    ...{ outcome: "warning", mend: expect.stringContaining(String(away?.port)) },
  });
  for (const name of ["the clocks of the members", "the window of the oplog"]) {
    expect(finding(name), name).toMatchObject({ outcome: "ok" });
  }
  await primary.kill();
  const alone = await examine("--timeout", "3");
  expect(alone.code, alone.text).toBe(4);
  expect(alone.findings.map(({ name }) => name)).toEqual([
    "the connection",
    "the servers of the URL",
  ]);
  const servers = alone.finding("the servers of the URL");
  expect(servers?.figure).toMatch(new RegExp(`${left?.port} answers, and is no primary`));
  expect(servers?.mend).toContain(String(primary.port));
});
