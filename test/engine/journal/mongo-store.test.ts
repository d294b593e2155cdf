// Aim: the MongoDB store keeps the contract of the engine's store, lost answers included. Method: the suite
// that both stores pass, on a real replica set, with fault points that lose an answer on demand.
import { type ClientSession, MongoNetworkError } from "mongodb";
import { describe } from "vitest";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import type { FaultPoints } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { storeContract } from "./store-contract.ts";
import type { AnyStore } from "./store-under-test.ts";

describe("mongo store", () => {
  storeContract(async () => {
    const client = await openClient();
    const databaseName = freshDatabaseName();
    const business = client.db(databaseName).collection<{ _id: string }>("business");
    await client.db(databaseName).createCollection("business");
    let lost = "";
    const faultPoints: FaultPoints = {
      async write(name, action) {
        const result = await action();
        if (lost !== name) return result;
        lost = "";
        throw new MongoNetworkError("the answer is lost");
      },
    };
    const open = () =>
      createMongoEngineStore({
        client,
        databaseName,
        clock: systemClock,
        faultPoints,
        log: silentLog,
      }) as AnyStore;
    const store = open();
    return {
      store,
      other: open(),
      loseAnswerOf: (name) => {
        lost = name;
      },
      writeBusiness: async (session, id) => {
        await business.insertOne({ _id: id }, { session: session as ClientSession });
      },
      business: async () => (await business.find().toArray()).map(({ _id }) => _id),
      expireLeases: async (ttlMs) => {
        const endMs = (await store.nowMs()) + ttlMs;
        await until("the leases are over", async () => (await store.nowMs()) > endMs);
      },
    };
  });
});
