// Aim: what is no client of Lockstep's copy of the driver is refused in words that help: an ODM has a client before it
// connects, a connection of its own kind, and often a copy of its own. Method: each of them as `createEngine` gets it.
import type { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { otherDriver } from "../../support/other-driver.ts";

class NativeConnection {
  readonly db = {};
  startSession() {}
}

const open = (client: unknown) =>
  createEngine({ client: client as MongoClient, database: "shop", machines: [], work: false });

test.each<[string, unknown, string]>([
  ["nothing yet", undefined, "found undefined: give the client itself"],
  ["a connection", new NativeConnection(), "found a NativeConnection: give the client itself"],
  ["a URL", "mongodb://127.0.0.1:1/", "found a string: give the client itself"],
])("%s", async (_what, client, message) => {
  await expect(open(client)).rejects.toMatchObject({
    ...{ code: "bad-argument", message: expect.stringContaining(message) },
  });
});

test("a client of another copy", async () => {
  await expect(open(new otherDriver.MongoClient("mongodb://127.0.0.1:1/"))).rejects.toMatchObject({
    code: "driver-not-supported",
    message: expect.stringContaining("found one of another copy: `npm ls mongodb` shows"),
  });
});
