// Aim: an expiry that no server takes is refused with the collection's name before anything is created, and one that
// it takes passes. Method: definitions as a stock dump's metadata may hold them; create of 6.0 was asked about each.
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { refuseUnsupported } from "../../../src/database/backup/supported.ts";
import type { CollectionEntry } from "../../../src/mongo/catalogue/catalogue.ts";
import { definitionOf } from "../../../src/mongo/catalogue/definition.ts";

const judge = (options: object, type: CollectionEntry["type"] = "collection") => {
  const definition = definitionOf(BSON.serialize(options));
  refuseUnsupported({
    collections: [{ name: "x", type, uuid: "", options: definition, indexes: [] }],
  });
};

const clusteredIndex = { key: { _id: 1 }, unique: true };

test.each([
  { expireAfterSeconds: 5 },
  { expireAfterSeconds: 5, capped: true, size: 4096 },
  { expireAfterSeconds: -5, clusteredIndex },
  { expireAfterSeconds: "off", clusteredIndex },
])("refused by name: %j", (options) => {
  expect(() => judge(options)).toThrow('collection "x" with an option "expireAfterSeconds"');
});

test("an expiry that the server takes, or takes for none, passes", () => {
  judge({ expireAfterSeconds: 5, clusteredIndex });
  judge({ expireAfterSeconds: null });
  judge({ expireAfterSeconds: 5, timeseries: { timeField: "t" } }, "timeseries");
});
