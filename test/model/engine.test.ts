// Aim: the engine makes of each path what the pure machine makes of it, on both stores. Method: each event in each state
// of xstate/graph, on as few actors as can be, and the invariants after every transition.

import { describe, expect, test } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { cases } from "./cases.ts";
import { runOnEngine } from "./run-on-engine.ts";

describe.each(cases)("$name", (model) => {
  test("on the memory store", async () => {
    expect(await runOnEngine(model, createMemoryStore({ now: () => 0 }))).toBeGreaterThan(300);
  });

  test("on MongoDB", { timeout: 1_500_000 }, async () => {
    const databaseName = freshDatabaseName();
    const client = await openClient();
    const store = createMongoStore({
      client,
      databaseName,
      faultPoints: noFaults,
      clock: systemClock,
    });
    expect(await runOnEngine(model, store)).toBeGreaterThan(300);
    await store.close();
    await client.db(databaseName).dropDatabase();
  });
});
