// Aim: an engine starts only on a deployment and with a user that can keep its promises, and needs no more rights than the
// guide names. Method: real servers: one alone, a set with users, and a client that answers as a mongos does.
import { readFile } from "node:fs/promises";
import { runInNewContext } from "node:vm";
import { type Document, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { type AnyStateMachine, fromPromise, setup } from "xstate";
import { createEngine, type DurableMachine, durable } from "../../../src/engine/index.ts";
import { endSessions } from "../../../src/engine/journal/mongo/sessions.ts";
import { sessionId } from "../../../src/engine/journal/mongo/worker-records.ts";
import type { ReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { listActors } from "../../../src/operator/actors/list.ts";
import { withEngine } from "../../../src/operator/actors/open-engine.ts";
import { showActor, whyActor } from "../../../src/operator/actors/show-actor.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { startSecureSet } from "../../support/secure.ts";
import { startStandalone } from "../../support/standalone.ts";

const order = durable(
  setup({ actors: { charge: fromPromise<number>(async () => 1) } }).createMachine({
    initial: "open",
    states: {
      open: { after: { 50: "charging" } },
      charging: { invoke: { src: "charge", onDone: "paid" } },
      paid: { type: "final" },
    },
  }) as AnyStateMachine,
  {
    ...{ name: "order", version: "1.0.0" },
    tasks: {
      charge: {
        run: async (_: unknown, task) => {
          await task.transaction(async () => {});
          return 1;
        },
      },
    },
  },
) as DurableMachine;

const starting = (client: MongoClient, database: string, work = true) =>
  createEngine({ client, database, machines: [order], work, log: silentLog });

/** A client of a server that says that it is a mongos. */
async function mongos(): Promise<MongoClient> {
  const client = await openClient();
  const admin = client.db("admin");
  const command = admin.command.bind(admin);
  admin.command = async (asked: Document) =>
    "hello" in asked ? { msg: "isdbgrid", ok: 1 } : command(asked);
  const db = client.db.bind(client);
  client.db = (name, options) => (name === "admin" ? admin : db(name, options));
  return client;
}

/** A test of one row of docs/engine-bad-input.md. */
const row = test;

describe("a deployment", () => {
  row("a single server without a replica set, or a mongos", async () => {
    const alone = await startStandalone({ mongodPath: inject("mongodPath") });
    onTestFinished(() => alone.stop());
    const client = await new MongoClient(alone.url()).connect();
    onTestFinished(() => client.close());
    await expect(starting(client, "shop")).rejects.toMatchObject({ code: "not-a-replica-set" });
    expect((await client.db("shop").collections()).length).toBe(0);
    await expect(starting(await mongos(), freshDatabaseName())).rejects.toMatchObject({
      code: "not-a-replica-set",
      message: expect.stringContaining("mongos"),
    });
  });

  test("with a database of the server's own, or none, is refused", async () => {
    const client = await openClient();
    for (const name of ["admin", "lockstep", "a b", "a.b", ""]) {
      await expect(starting(client, name)).rejects.toMatchObject({ code: "bad-argument" });
    }
  });

  row("a client with `serverApi.strict`, or a worker's client with one connection", async () => {
    const refused = { code: "bad-argument" };
    const database = freshDatabaseName();
    const strict = await openClient({ serverApi: { version: "1", strict: true } });
    await expect(starting(strict, database, false)).rejects.toMatchObject(refused);
    const narrow = await openClient({ maxPoolSize: 1 });
    await expect(starting(narrow, database)).rejects.toMatchObject(refused);
    expect((await narrow.db(database).collections()).length).toBe(0);
    await (await starting(narrow, database, false)).close();
  });

  row("a client with `directConnection` to one of several members", async () => {
    const client = new MongoClient(inject("memberUrls")[0] ?? "");
    onTestFinished(() => client.close());
    const database = freshDatabaseName();
    await expect(starting(client, database, false)).rejects.toMatchObject({
      ...{ code: "bad-argument", message: expect.stringContaining("(`directConnection`)") },
    });
    expect((await client.db(database).collections()).length).toBe(0);
  });

  test("is used by a client with two connections and with options of its own for BSON", async () => {
    const client = await openClient({ raw: true, promoteValues: false, maxPoolSize: 2 });
    const engine = await starting(client, freshDatabaseName());
    onTestFinished(() => engine.close());
    await engine.start(order, { id: "o-1" });
    await engine.waitFor(order, "o-1", ({ value }) => value === "paid");
  });

  test("that does not answer is unreachable", async () => {
    const client = new MongoClient("mongodb://127.0.0.1:1/?replicaSet=none", {
      serverSelectionTimeoutMS: 200,
    });
    onTestFinished(() => client.close());
    await expect(starting(client, "shop")).rejects.toMatchObject({ code: "database-unreachable" });
  });
});

/** The command of the guide's script, for another database. */
async function documentedRole(database: string): Promise<Document> {
  const page = await readFile("docs/engine.md", "utf8");
  const [, script = ""] = /```js\n(.*?createRole:.*?)```/s.exec(page) ?? [];
  const commands: Document[] = [];
  const server = { runCommand: (body: Document) => void commands.push(body) };
  runInNewContext(script.replaceAll('"shop"', JSON.stringify(database)), {
    db: { getSiblingDB: () => server },
  });
  return JSON.parse(JSON.stringify(commands[0])) as Document;
}

describe("a user", () => {
  let set: ReplicaSet;
  let root: MongoClient;
  beforeAll(async () => {
    set = await startSecureSet();
    root = await new MongoClient(set.url()).connect();
  });
  afterAll(async () => {
    await root?.close();
    await set?.stop();
  });

  function urlFor(name: string): string {
    const url = new URL(set.url());
    url.username = name;
    url.password = "secret";
    return url.href;
  }

  async function userWith(role: Document): Promise<MongoClient> {
    const admin = root.db("admin");
    const name = `r${role["createRole"]}`;
    await admin.command({ ...role, createRole: name });
    await admin.command({ createUser: name, pwd: "secret", roles: [name] });
    const client = await new MongoClient(urlFor(name)).connect();
    onTestFinished(() => client.close());
    return client;
  }

  test("with the rights of the guide runs an actor to its end, and a process of it ends the transactions of another", async () => {
    const role = await documentedRole("things");
    const client = await userWith({ ...role, createRole: "whole" });
    const engine = await starting(client, "things");
    onTestFinished(() => engine.close());
    await engine.start(order, { id: "o" });
    const ended = await engine.waitFor(order, "o", ({ status }) => status === "done");
    expect(ended.value).toBe("paid");
    expect((await engine.history("o")).length).toBe(3);
    const session = client.startSession();
    onTestFinished(() => session.endSession());
    session.startTransaction();
    const attempts = client.db("things").collection("lockstep_attempts");
    await attempts.insertOne({ done: false }, { session });
    const successor = await new MongoClient(urlFor("rwhole")).connect();
    onTestFinished(() => successor.close());
    await endSessions(successor, [sessionId(session)]);
    await expect(session.commitTransaction()).rejects.toMatchObject({
      codeName: "NoSuchTransaction",
    });
  });

  test("that may only find reads the actors of an engine", async () => {
    const writer = await starting(root, "seen", false);
    await writer.start(order, { id: "o" });
    await writer.close();
    const role = await documentedRole("seen");
    const privileges = (role["privileges"] as Document[])
      .filter(({ actions }) => actions.includes("find"))
      .map((privilege) => ({ ...privilege, actions: ["find"] }));
    await userWith({ ...role, createRole: "reader", privileges });
    const { signal } = new AbortController();
    const place = { mongoUrl: urlFor("rreader"), database: "seen", signal };
    await withEngine(place, async (engine) => {
      expect(await listActors(engine, { machine: "order" })).toMatchObject({ workers: 0 });
      expect(await showActor(engine, "o")).toMatchObject({ state: "open", revision: 0 });
      expect(await whyActor(engine, "o", [order])).toMatchObject({ events: [], timers: [{}] });
    });
  });

  row("a user that lacks a right", async () => {
    for (const action of ["find", "insert", "update", "remove", "createIndex", "changeStream"]) {
      const database = `without_${action}`;
      const role = await documentedRole(database);
      const privileges = (role["privileges"] as Document[]).map((privilege) => ({
        ...privilege,
        actions: (privilege["actions"] as string[]).filter((each) => each !== action),
      }));
      const left = privileges.filter(({ actions }) => actions.length > 0);
      const client = await userWith({ ...role, createRole: action, privileges: left });
      for (const work of [true, false]) {
        await expect(starting(client, database, work)).rejects.toMatchObject({
          code: "rights-missing",
          message: expect.stringContaining(`${action} on the collection "${database}.lockstep_`),
        });
      }
      expect(await root.db(database).collections()).toEqual([]);
    }
  });
});
