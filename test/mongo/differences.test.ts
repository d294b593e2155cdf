// Aim: what differs between two catalogues is named, down to the index. Method: two catalogues, pure.
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { type CollectionEntry, differences } from "../../src/mongo/catalogue/catalogue.ts";
import { definitionOf } from "../../src/mongo/catalogue/definition.ts";

const index = (name: string, more: object = {}) =>
  definitionOf(BSON.serialize({ v: 2, key: { [name]: 1 }, name, ...more }));
const collection = (name: string, more: Partial<CollectionEntry> = {}): CollectionEntry => ({
  ...{ name, type: "collection", uuid: name, options: definitionOf(BSON.serialize({})) },
  ...{ indexes: [], ...more },
});
const compare = (before: readonly CollectionEntry[], after: readonly CollectionEntry[]) =>
  differences({ collections: before }, { collections: after }, { ignoreUuid: false });

test("an index that is new, one that is gone, and one of the same name are told apart", () => {
  const before = collection("items", { indexes: ["a", "b", "c"].map((name) => index(name)) });
  const unique = index("b", { unique: true });
  const after = collection("items", { indexes: [index("a"), unique, index("d")] });
  expect(compare([before], [after])).toEqual([
    'index "b" of "items" has another definition',
    'index "c" of "items" is missing',
    'index "d" of "items" is new',
  ]);
  expect(compare([after], [after])).toEqual([]);
});

test("a collection that is new, one that is gone, and one that was made anew are told apart", () => {
  const options = definitionOf(BSON.serialize({ validator: { a: 1 } }));
  const before = ["gone", "ruled", "anew"].map((name) => collection(name));
  const after = [
    ...[collection("ruled", { options }), collection("anew", { uuid: "other" })],
    collection("made", { indexes: [index("a")] }),
  ];
  expect(compare(before, after)).toEqual([
    'collection "gone" is missing',
    'collection "ruled" has other options',
    'collection "anew" has another UUID',
    'collection "made" is new',
  ]);
});
