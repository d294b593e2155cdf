// Aim: an application that drops or renames a collection while the definitions are read makes no read fail, as before
// an upgrade is accepted. Method: a real set; with one connection the drop comes right behind the list.
import { expect, test } from "vitest";
import { readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";

test("a collection that goes after it was listed is left out, and the others are read", async () => {
  const name = freshDatabaseName();
  const client = await openClient({ maxPoolSize: 1, monitorCommands: true });
  const database = client.db(name);
  for (const each of ["dropped", "kept", "renamed"]) await database.createCollection(each);
  await database.collection("kept").createIndex({ at: 1 });
  const acts: Promise<unknown>[] = [];
  client.on("commandSucceeded", ({ commandName }) => {
    if (commandName !== "listCollections" || acts.length > 0) return;
    acts.push(database.dropCollection("dropped"), database.renameCollection("renamed", "later"));
  });
  const { collections } = await readCatalogue(client, name);
  await Promise.all(acts);
  expect(acts).toHaveLength(2);
  expect(collections.map(({ name: each, indexes }) => [each, indexes.length])).toEqual([
    ["kept", 1],
  ]);
  const after = await readCatalogue(client, name);
  expect(after.collections.map(({ name: each }) => each)).toEqual(["kept", "later"]);
  await database.dropDatabase();
});
