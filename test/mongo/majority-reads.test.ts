// Aim: a set that keeps neither journal nor snapshots is refused in words that help: mongodb-memory-server makes one for
// MongoDB 6. Method: a client whose reads are answered as such a server answers them.
import { type Db, MongoClient, MongoServerError } from "mongodb";
import { expect, test } from "vitest";
import { checkDeployment } from "../../src/mongo/requirements/preflight.ts";

/** A client of a set whose server refuses reads in this way. */
function refusing(code: number, errmsg: string): MongoClient {
  const client = new MongoClient("mongodb://127.0.0.1:1/");
  const answers: Readonly<Record<string, object>> = {
    hello: { setName: "testset", ok: 1 },
    buildInfo: { version: "6.0.5", ok: 1 },
    listDatabases: { databases: [], ok: 1 },
  };
  const database = {
    command: async (asked: object) => answers[Object.keys(asked)[0] ?? ""],
    collection: () => ({
      async findOne() {
        throw new MongoServerError({ message: errmsg, errmsg, code });
      },
    }),
  };
  client.db = () => database as unknown as Db;
  return client;
}

test("a storage engine without a journal is refused", async () => {
  const client = refusing(148, "Majority read concern is not enabled.");
  await expect(checkDeployment(client, "app")).rejects.toMatchObject({
    code: "database-not-supported",
    message:
      'expected members that keep a journal and snapshots, got: Majority read concern is not enabled. Start them with the storage engine wiredTiger; for mongodb-memory-server that is `replSet: { storageEngine: "wiredTiger" }`',
  });
});

test("a user who may not read that is let through, and other trouble is thrown as it is", async () => {
  await expect(checkDeployment(refusing(13, "not authorized"), "app")).resolves.not.toThrow();
  await expect(checkDeployment(refusing(96, "failed"), "app")).rejects.toMatchObject({ code: 96 });
});
