// Aim: the MongoDB store keeps the contract of the journal, lost answers included. Method: the suite
// that both stores pass, on a real replica set, with a fault points that loses an answer on demand.

import { MongoNetworkError } from "mongodb";
import { describe } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { systemClock } from "../../src/ports/clock.ts";
import type { FaultPoints } from "../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";
import { storeContract } from "./store-contract.ts";

describe("mongo store", () => {
  storeContract(async () => {
    const client = await openClient();
    const databaseName = freshDatabaseName();
    let lose = false;
    const faultPoints: FaultPoints = {
      async write(_name, action) {
        const result = await action();
        if (lose) {
          lose = false;
          throw new MongoNetworkError("the answer is lost");
        }
        return result;
      },
    };
    const open = () => createMongoStore({ client, databaseName, faultPoints, clock: systemClock });
    return {
      store: open(),
      fill: (collection, ids) =>
        client
          .db(databaseName)
          .collection<{ _id: string; at: number }>(collection)
          .insertMany(ids.map((_id) => ({ _id, at: 0 }))),
      reopen: async () => open(),
      loseNextAnswer: () => {
        lose = true;
      },
    };
  });
});
