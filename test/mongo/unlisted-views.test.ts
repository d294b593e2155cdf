// Aim: a view over the buckets of a time series, which no listing has, is in no backup in silence: the right that shows
// it is named. Method: a real set with users.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ReplicaSet } from "../../src/local/replica-set.ts";
import { readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import type { Privilege } from "../../src/mongo/requirements/needed-rights.ts";
import { readLacking, requireRights } from "../../src/mongo/requirements/rights.ts";
import { startSecureSet } from "../support/secure.ts";

let set: ReplicaSet;
let root: MongoClient;
beforeAll(async () => {
  set = await startSecureSet();
  root = new MongoClient(set.url("things"));
  await root.db("things").createCollection("a", { timeseries: { timeField: "at" } });
  await root.db("things").createCollection("seen", { viewOn: "items", pipeline: [] });
});
afterAll(async () => {
  await root?.close();
  await set?.stop();
});

/** A client of a root user with one right more. */
async function openWith(name: string, privilege: Privilege): Promise<MongoClient> {
  const role = { createRole: name, roles: ["root"], privileges: [privilege] };
  await root.db("admin").command(role);
  await root.db("admin").command({ createUser: name, pwd: "secret", roles: [name] });
  return new MongoClient(set.url("things").replace("keeper:", `${name}:`));
}

const seen = async (client: MongoClient) =>
  (await readCatalogue(client, "things")).collections.map(({ name }) => name);

test("a view over buckets is in no listing, and root cannot read it: the right is named", async () => {
  const maker = await openWith("maker", {
    ...{ resource: { anyResource: true }, actions: ["anyAction"] },
  });
  await maker.db("things").createCollection("hidden", { viewOn: "system.buckets.a", pipeline: [] });
  await maker.close();
  const names = { databaseName: "things", controlDatabaseName: "lockstep_things" };
  expect(await seen(root)).toEqual(["a", "seen"]);
  for (const work of ["upgrade", "backup", "rehearsal"] as const) {
    expect(await readLacking(root, work, names)).toEqual({
      missing: "",
      optional: expect.stringMatching(
        /^find on the collection "things\.system\.views" \(.*buckets/,
      ),
    });
  }
  expect(await requireRights(root, "backup", { ...names, databaseName: "without" })).toBeNull();
  const viewer = await openWith("viewer", {
    ...{ resource: { db: "things", collection: "system.views" }, actions: ["find"] },
  });
  expect(await seen(viewer)).toEqual(["a", "hidden", "seen"]);
  expect(await requireRights(viewer, "backup", names)).toBeNull();
  await viewer.close();
});
