// Aim: a definition that is there passes for the one that a step asks for exactly if the server means the
// same by both; another one is a conflict, in either direction. Method: pairs on the real set, each side
// made first once; an intent that is taken up again.
import { type Document, Double, Long } from "mongodb";
import { describe, expect, test } from "vitest";
import type { SchemaRunOptions } from "../../src/database/migration/runner.ts";
import type { SchemaContext } from "../../src/database/migration/schema-context.ts";
import { runSchemaSteps } from "../../src/database/migration/schema-steps.ts";
import { readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { createSetting, dyingFaultPoints, runOptions, type Setting } from "../database/setting.ts";

type Run = (context: SchemaContext) => Promise<void>;

async function verdict(
  setting: Setting,
  run: Run,
  more: Partial<SchemaRunOptions> = {},
  epoch = 1,
) {
  const steps = [{ name: "one", run }];
  const result = await runSchemaSteps(await runOptions(setting, epoch, steps, more));
  return result.kind === "failed" ? `${result.reason.code}: ${result.reason.message}` : result.kind;
}

type Index = Readonly<Document> & { readonly key: Document };

/** Makes the index, then asks a step for one of the same name. */
async function asked(there: Index, wanted: Index, collation?: Document): Promise<string> {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  await database.createCollection("items", collation ? { collation: collation as never } : {});
  const indexes = [{ name: "it", ...there }];
  await database.command({ createIndexes: "items", indexes });
  const before = await readCatalogue(setting.client, setting.name);
  const { key, ...options } = wanted;
  const run: Run = (context) => context.addIndex("items", key, { name: "it", ...options });
  const result = await verdict(setting, run);
  expect(await readCatalogue(setting.client, setting.name)).toEqual(before);
  return result;
}

const plain: Index = { key: { a: 1 } };
const text: Index = { key: { a: "text" } };

const others: Readonly<Record<string, readonly [Index, Index, collation?: Document]>> = {
  "other keys": [plain, { key: { b: 1 } }],
  "more keys": [plain, { key: { a: 1, b: 1 } }],
  "keys in another order": [{ key: { a: 1, b: 1 } }, { key: { b: 1, a: 1 } }],
  "another direction": [plain, { key: { a: -1 } }],
  "another kind": [plain, { key: { a: "hashed" } }],
  partial: [plain, { ...plain, partialFilterExpression: { a: { $gt: 1 } } }],
  "partial by another filter": [
    { ...plain, partialFilterExpression: { a: { $gt: 1 } } },
    { ...plain, partialFilterExpression: { a: { $gt: 1 }, b: 1 } },
  ],
  "of documents in another order": [
    { ...plain, partialFilterExpression: { d: { x: 1, y: 1 } } },
    { ...plain, partialFilterExpression: { d: { y: 1, x: 1 } } },
  ],
  "an expiry": [plain, { ...plain, expireAfterSeconds: 5 }],
  "another expiry": [
    { ...plain, expireAfterSeconds: 6 },
    { ...plain, expireAfterSeconds: 5 },
  ],
  sparse: [plain, { ...plain, sparse: true }],
  unique: [plain, { ...plain, unique: true }],
  hidden: [plain, { ...plain, hidden: true }],
  collated: [plain, { ...plain, collation: { locale: "en" } }],
  "collated in another way": [
    { ...plain, collation: { locale: "en", strength: 2 } },
    { ...plain, collation: { locale: "en" } },
  ],
  "collated as its collection is not": [
    { ...plain, collation: { locale: "simple" } },
    plain,
    { locale: "de" },
  ],
  "half unique": [plain, { ...plain, prepareUnique: true }],
  "stored in another way": [plain, { ...plain, storageEngine: { wiredTiger: {} } }],
  "words of another field": [text, { key: { b: "text" } }],
  "words of one more field": [text, { key: { a: "text", b: "text" } }],
  "words of any field": [text, { key: { "$**": "text" } }],
  "words after a key": [text, { key: { b: 1, a: "text" } }],
  "words before a key": [{ key: { b: 1, a: "text" } }, { key: { a: "text", b: 1 } }],
  "other weights": [text, { ...text, weights: { a: 3 } }],
  "weights of one more field": [text, { ...text, weights: { b: 1 } }],
  "another language": [text, { ...text, default_language: "german" }],
  "another field for the language": [text, { ...text, language_override: "sprache" }],
  "some fields": [{ key: { "$**": 1 } }, { key: { "$**": 1 }, wildcardProjection: { a: 1 } }],
  "other fields": [
    { key: { "$**": 1 }, wildcardProjection: { a: 1 } },
    { key: { "$**": 1 }, wildcardProjection: { a: 0 } },
  ],
  "a finer plane": [{ key: { a: "2d" } }, { key: { a: "2d" }, bits: 20 }],
};

describe("an index of the name asked for that is another one is a conflict", () => {
  test.each(Object.entries(others))("%s", async (_what, [left, right, collation]) => {
    expect(await asked(left, right, collation)).toMatch(/^schema-conflict: .* is named "it"/);
    expect(await asked(right, left, collation)).toMatch(/^schema-conflict: .* is named "it"/);
  });
});

const nothing = {
  ...{ unique: false, sparse: false, hidden: false, prepareUnique: false },
  collation: { locale: "simple" },
};

const same: Readonly<Record<string, readonly [Index, Index, collation?: Document]>> = {
  "what is not so": [plain, { ...plain, ...nothing }],
  "built in the background": [plain, { ...plain, background: true }],
  "an older version": [
    { ...plain, v: 1 },
    { ...plain, v: 2 },
  ],
  "a direction of another type": [
    { key: { a: Long.fromNumber(1) } },
    { key: { a: new Double(1) } },
  ],
  "an expiry of another type": [
    { ...plain, expireAfterSeconds: Long.fromNumber(5) },
    { ...plain, expireAfterSeconds: 5.5 },
  ],
  "the same filter, in another order and of other types": [
    { ...plain, partialFilterExpression: { b: { $gt: 1, $lt: new Double(5) }, c: 0 } },
    { ...plain, partialFilterExpression: { c: new Double(-0), b: { $lt: 5, $gt: 1 } } },
  ],
  "an empty filter is one": [
    { ...plain, partialFilterExpression: {} },
    { ...plain, partialFilterExpression: {} },
  ],
  "the same collation, with a default of it": [
    { ...plain, collation: { locale: "fr_CA" } },
    { ...plain, collation: { locale: "fr_CA", backwards: true, strength: 3 } },
  ],
  "the collection's collation": [
    plain,
    { ...plain, collation: { locale: "de", strength: 2 } },
    { locale: "de", strength: 2 },
  ],
  "a simple one beside the collection's": [
    { ...plain, collation: { locale: "simple" } },
    { ...plain, collation: { locale: "simple" } },
    { locale: "de" },
  ],
  "defaults of words": [
    text,
    {
      ...text,
      ...{ weights: { a: 1 }, default_language: "english", language_override: "language" },
      textIndexVersion: 3,
    },
  ],
  "words in another order": [
    { key: { c: 1, a: "text", b: "text", d: -1 }, weights: { b: 5 } },
    { key: { c: 1, b: "text", a: "text", d: -1 }, weights: { b: new Double(5) } },
  ],
  "words as the server describes them": [
    text,
    { key: { _fts: "text", _ftsx: 1 }, weights: { a: 1 } },
  ],
  "words without a collation": [
    { ...text, collation: { locale: "simple" } },
    { ...text, collation: { locale: "simple" } },
    { locale: "de" },
  ],
  "paths written in another way": [
    { key: { "$**": 1 }, wildcardProjection: { a: true, b: { c: 1 } } },
    { key: { "$**": 1 }, wildcardProjection: { "b.c": 1, a: 1 } },
  ],
  "defaults of a plane": [
    { key: { a: "2d" } },
    { key: { a: "2d" }, bits: 26, min: -180, max: 180 },
  ],
  "the version of a sphere": [
    { key: { a: "2dsphere" }, "2dsphereIndexVersion": 2 },
    { key: { a: "2dsphere" } },
  ],
};

describe("an index that the server means the same by is a success", () => {
  test.each(Object.entries(same))("%s", async (_what, [left, right, collation]) => {
    expect(await asked(left, right, collation)).toBe("done");
    expect(await asked(right, left, collation)).toBe("done");
  });
});

/** Ways to spell a filter, or the paths of a wildcard; each row means the same, and no other row does. */
const spellings: readonly (readonly [Document, readonly Document[]])[] = [
  [{ a: 1 }, [{ a: { $eq: 1 } }, { $and: [{ a: 1 }] }, { a: { $in: [1] } }, { $or: [{ a: 1 }] }]],
  [{ a: 1, b: 2 }, [{ $and: [{ b: 2 }, { a: { $eq: 1 } }] }, { b: 2, $and: [{ a: 1 }] }]],
  [{ a: { $in: [1, 2] } }, [{ a: { $in: [2, 1, 1] } }, { $or: [{ a: 2 }, { a: 1 }] }]],
  [{ a: { $in: [1, 3] } }, []],
  [{ a: { $type: "string" } }, [{ a: { $type: 2 } }, { a: { $type: ["string"] } }]],
  [{ a: { $type: "number" } }, []],
  [{ a: { $gt: 1, $lt: 5 } }, [{ $and: [{ a: { $lt: 5 } }, { a: { $gt: 1 } }] }]],
  [{ a: { x: 1, y: 2 } }, [{ a: { $eq: { x: 1, y: 2 } } }]],
  [{ a: { y: 2, x: 1 } }, []],
  [{ a: { $eq: { $x: 1, $y: 2 } } }, []],
  [{ a: { $eq: { $y: 2, $x: 1 } } }, []],
  [{ a: [1, 2] }, []],
  [{ $or: [{ a: 1 }, { b: 2 }] }, [{ $or: [{ b: 2 }, { a: 1 }] }]],
];

const wildcardSpellings: readonly (readonly [Document, readonly Document[]])[] = [
  [
    { a: 1 },
    [
      { a: 1, _id: 0 },
      { a: true, _id: false },
    ],
  ],
  [{ a: 1, _id: 1 }, []],
  [{ a: 0 }, [{ a: 0, _id: 0 }]],
  [{ a: 0, _id: 1 }, []],
];

test.each([
  ["a filter", { a: 1 }, "partialFilterExpression", spellings],
  ["the paths of a wildcard", { "$**": 1 }, "wildcardProjection", wildcardSpellings],
] as const)("%s that is spelled otherwise is the same, another one is not", async (...row) => {
  const [, key, field, all] = row;
  const setting = await createSetting();
  const items = setting.client.db(setting.name).collection("items");
  let epoch = 0;
  const add = (value: Document): Promise<string> => {
    epoch += 1;
    const run: Run = (context) =>
      context.addIndex("items", key as never, { name: "it", [field]: value });
    return verdict(setting, run, { upgradeId: `u${epoch}` }, epoch);
  };
  for (const [at, [first, others]] of all.entries()) {
    await items.createIndex(key as never, { name: "it", [field]: first });
    for (const other of others) expect(await add(other), JSON.stringify(other)).toBe("done");
    const another = all[(at + 1) % all.length]?.[0] as Document;
    expect(await add(another), JSON.stringify(another)).toMatch(/^schema-conflict/);
    await items.dropIndex("it");
  }
});

test("an index that is there under another name is a conflict that names it", async () => {
  const setting = await createSetting();
  const items = setting.client.db(setting.name).collection("items");
  await items.createIndex({ a: 1 }, { name: "there", collation: { locale: "de" } });
  await items.createIndex({ b: "text" }, { name: "words" });
  const add = (key: Document, options: Document): Promise<string> =>
    verdict(setting, (context) => context.addIndex("items", key, { name: "it", ...options }));
  expect(await add({ a: 1 }, { collation: { locale: "de" } })).toMatch(
    /^schema-conflict: .*"it" of "items" exists already as "there"/,
  );
  // The server has an opinion of its own: one is as good as another if they differ in their expiry alone.
  const expiring = { collation: { locale: "de" }, expireAfterSeconds: 5 };
  expect(await add({ a: 1 }, expiring)).toMatch(/^schema-conflict: .*"it" of "items" conflicts/);
  expect(await add({ c: "text" }, {})).toMatch(/^schema-conflict: .*"it" of "items" conflicts/);
  expect(await add({ a: 1 }, {})).toBe("done");
});

test("an option that is undefined is none", async () => {
  const setting = await createSetting();
  await setting.client.db(setting.name).createCollection("items");
  const options = { unique: undefined, collation: undefined } as object;
  const run: Run = (context) => context.addIndex("items", { a: 1 }, { name: "it", ...options });
  expect(await verdict(setting, run)).toBe("done");
  expect(await verdict(setting, run, { upgradeId: "u000003" }, 2)).toBe("done");
});

test("an intent that is taken up again finds another index of its name: a conflict", async () => {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  await database.createCollection("items");
  const run: Run = (context) => context.addIndex("items", { a: 1 }, { name: "it" });
  let at = 1;
  const names: string[] = [];
  const counting: SchemaRunOptions["faultPoints"] = {
    async write(name, action) {
      names.push(name);
      return action();
    },
  };
  const probe = await createSetting();
  await probe.client.db(probe.name).createCollection("items");
  await verdict(probe, run, { faultPoints: counting });
  at = names.indexOf("add-index") + 1;
  expect(at).toBeGreaterThan(1);
  await verdict(setting, run, { faultPoints: dyingFaultPoints(at, "before") });
  const filter = { partialFilterExpression: { a: 1 } };
  await database.collection("items").createIndex({ a: 1 }, { name: "it", ...filter });
  expect(await verdict(setting, run, {}, 2)).toMatch(/^schema-conflict: .* is named "it"/);
});

/** Makes the collection, then asks a step for one of that name. */
async function askedCollection(there: Document, wanted: Document): Promise<string> {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  await database.command({ create: "it", ...there });
  const before = await readCatalogue(setting.client, setting.name);
  const result = await verdict(setting, (context) => context.addCollection("it", wanted));
  expect(await readCatalogue(setting.client, setting.name)).toEqual(before);
  return result;
}

const clustered = { clusteredIndex: { key: { _id: 1 }, unique: true } };

const otherCollections: Readonly<Record<string, readonly [Document, Document]>> = {
  "a validator": [{}, { validator: { a: 1 } }],
  "a validator with more": [{ validator: { a: 1 } }, { validator: { a: 1, b: 1 } }],
  "a value with dollar signs in another order": [
    { validator: { a: { $ne: { $x: 1, $y: 2 } } } },
    { validator: { a: { $ne: { $y: 2, $x: 1 } } } },
  ],
  "a reference in another order": [
    { validator: { a: { $ref: "r", $id: 1 } } },
    { validator: { a: { $id: 1, $ref: "r" } } },
  ],
  "a literal in another order": [
    { validator: { $expr: { $literal: { $x: 1, $y: 2 } } } },
    { validator: { $expr: { $literal: { $y: 2, $x: 1 } } } },
  ],
  "a level": [{}, { validationLevel: "moderate" }],
  "an action": [{}, { validationAction: "warn" }],
  "a collation": [{}, { collation: { locale: "en" } }],
  "another collation": [
    { collation: { locale: "en", strength: 1 } },
    { collation: { locale: "en" } },
  ],
  clustered: [{}, clustered],
  "clustered under another name": [
    clustered,
    { clusteredIndex: { ...clustered.clusteredIndex, name: "x" } },
  ],
  "an expiry": [clustered, { ...clustered, expireAfterSeconds: 5 }],
  "pre-images": [{}, { changeStreamPreAndPostImages: { enabled: true } }],
  "a storage engine": [{}, { storageEngine: { wiredTiger: { configString: "" } } }],
};

describe("a collection of the name asked for with other options is a conflict", () => {
  test.each(Object.entries(otherCollections))("%s", async (_what, [left, right]) => {
    expect(await askedCollection(left, right)).toMatch(/^schema-conflict: .*same options/);
    expect(await askedCollection(right, left)).toMatch(/^schema-conflict: .*same options/);
  });
});

const sameCollections: Readonly<Record<string, readonly [Document, Document]>> = {
  "what is not so": [
    {},
    {
      ...{ validator: {}, validationLevel: "strict", validationAction: "error" },
      ...{ collation: { locale: "simple" }, changeStreamPreAndPostImages: { enabled: false } },
    },
  ],
  "the same validator, in another order and of other types": [
    { validator: { $or: [{ a: 1, b: 2 }, { c: { $gt: 1, $lt: 3 } }] } },
    { validator: { $or: [{ b: new Double(2), a: 1 }, { c: { $lt: 3, $gt: 1 } }] } },
  ],
  "a validator's defaults": [
    { validator: { a: 1 } },
    { validator: { a: 1 }, validationLevel: "strict", validationAction: "error" },
  ],
  "the same collation, with what the server assumes of a collection's": [
    { collation: { locale: "da" } },
    { collation: { locale: "da", caseFirst: "off", strength: 3 } },
  ],
  "the same collation, with a default of its locale": [
    { collation: { locale: "fr_CA" } },
    { collation: { locale: "fr_CA", backwards: true } },
  ],
  "clustered under the name that the server gives": [
    clustered,
    { clusteredIndex: { ...clustered.clusteredIndex, name: "_id_", v: 2 } },
  ],
  "an expiry of another type": [
    { ...clustered, expireAfterSeconds: Long.fromNumber(9) },
    { ...clustered, expireAfterSeconds: 9 },
  ],
};

describe("a collection that the server means the same by is a success", () => {
  test.each(Object.entries(sameCollections))("%s", async (_what, [left, right]) => {
    expect(await askedCollection(left, right)).toBe("done");
    expect(await askedCollection(right, left)).toBe("done");
  });
});

test("a validator that checks more, or a field once more, is not taken for the one asked for", async () => {
  const setting = await createSetting();
  const database = setting.client.db(setting.name);
  await database.command({
    create: "items",
    validator: { a: 1, b: 1 },
    validationLevel: "moderate",
  });
  const set: Run = (context) => context.setValidator("items", { a: 1 });
  expect(await verdict(setting, set)).toBe("done");
  const [found] = await database.listCollections({ name: "items" }).toArray();
  const options = { validator: { a: 1 }, validationLevel: "strict", validationAction: "error" };
  expect(found).toMatchObject({ options });
  expect((found as Document)["options"].validator).toEqual({ a: 1 });
});
