import {
  Binary,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import {
  bsonType,
  fieldOf,
  fieldOfBytes,
  RawValue,
  rawDocument,
} from "../../src/mongo/bson/raw-bson.ts";
import type { Setting } from "./setting.ts";

/** One value of each BSON type, and the documents that JavaScript would change on their way. */
function oddDocuments(): readonly unknown[] {
  return [
    new Map<string, unknown>([
      ["_id", new Int32(1)],
      ["b", new Double(1)],
      ["2", new Map([...Object.entries({ z: 1 }), ["1", 2]])],
      ["1", Long.fromNumber(5)],
    ]),
    new Map<string, unknown>([
      ["_id", "every type"],
      ["double", new Double(-0)],
      ["nan", new Double(Number.NaN)],
      ["string", "näme\u0000with nul"],
      ["document", new Map([["10", new Map([["9", true]])]])],
      ["array", [new Double(2), null, "x", [new Int32(1)]]],
      ["binary", new Binary(Buffer.from([1, 2, 3]), 0)],
      ["uuid", new Binary(Buffer.alloc(16, 7), 4)],
      ["oldBinary", new Binary(Buffer.from([9, 9]), 128)],
      ["objectId", new ObjectId()],
      ["bool", false],
      ["date", new Date(-1)],
      ["null", null],
      ["regexp", new BSONRegExp("a.c", "imx")],
      ["code", new Code("function () {}")],
      ["scope", new Code("function () {}", { a: 1 })],
      ["int32", new Int32(-5)],
      ["timestamp", new Timestamp({ t: 5, i: 6 })],
      ["long", Long.fromString("9223372036854775807")],
      ["decimal", Decimal128.fromString("1.10")],
      ["min", new MinKey()],
      ["max", new MaxKey()],
    ]),
    { _id: new ObjectId() },
    { _id: new Double(2.5) },
    {
      _id: new Map([
        ["2", "nested"],
        ["1", true],
      ] as never),
    },
    { _id: new Date(5) },
    { _id: Long.fromString("9007199254740993") },
    { _id: true },
    { _id: new Binary(Buffer.from([5]), 0) },
    { _id: new Timestamp(0n) },
  ];
}

/** A condition that names its field twice, which no map can hold. */
export const twice = (name: string) =>
  new RawValue(
    fieldOfBytes(
      name,
      bsonType.document,
      rawDocument([fieldOf("qty", { $gt: 1 }), fieldOf("qty", { $lt: 5 })]),
    ),
  );

/** Definitions whose bytes JavaScript cannot hold: a field twice, no text, no date, an odd expression. */
export async function defineOddly({
  client,
  name,
}: Pick<Setting, "client" | "name">): Promise<void> {
  const database = client.db(name);
  const range = rawDocument([fieldOf("$gt", 1), fieldOf("$gt", 2)]);
  const odd = rawDocument([
    fieldOfBytes("noText", bsonType.string, Uint8Array.of(3, 0, 0, 0, 97, 255, 0)),
    fieldOfBytes("noDate", 9, new Uint8Array(8).fill(0x7f)),
    fieldOfBytes("oddExpression", 11, Buffer.from("a\0ix\0")),
    fieldOfBytes("nested", bsonType.document, range),
    fieldOf("2", 1),
    fieldOf("1", new Double(2)),
    fieldOf("code", new Code("x")),
  ]);
  await database.command({ create: "twice", validator: twice("validator") });
  await database.command({
    create: "oddly",
    validator: new RawValue(fieldOfBytes("validator", bsonType.document, odd)),
  });
  await database.command({
    create: "view of twice",
    viewOn: "twice",
    pipeline: [{ $match: twice("$match") }, { $addFields: { a: { $literal: { $oid: "no id" } } } }],
  });
  const indexes = [
    { key: { qty: 1 }, name: "part", partialFilterExpression: twice("partialFilterExpression") },
  ];
  await database.command({ createIndexes: "twice", indexes });
}

/** Definitions that databases from older servers hold, and that few people know of. */
async function defineAsOfOld({ client, name }: Pick<Setting, "client" | "name">): Promise<void> {
  const database = client.db(name);
  const configured = { storageEngine: { wiredTiger: { configString: "block_compressor=zlib" } } };
  await database.command({
    create: "grown up",
    autoIndexId: true,
    indexOptionDefaults: configured,
    recordPreImages: true,
  });
  await database.collection("grown up").insertMany([{ a: 1 }, { a: 1 }]);
  await database.command({
    createIndexes: "grown up",
    indexes: [
      { key: { a: 1 }, name: "background", background: true },
      { key: { b: 1 }, name: "foreground", background: false, sparse: false, unique: false },
      { key: { c: 1 }, name: "configured", ...configured },
      { key: { d: 1 }, name: "old", v: 1, unique: true, sparse: true },
      { key: { a: 1, b: 1 }, name: "half converted", prepareUnique: true },
      { key: { e: "2dsphere" }, name: "old sphere", "2dsphereIndexVersion": 2 },
      { key: { f: "text" }, name: "old words", textIndexVersion: 2 },
      { key: { g: 7 }, name: "seven", default_language: "german" },
    ],
  });
  await database.command({
    create: "configured weather",
    timeseries: { timeField: "t" },
    ...configured,
    indexOptionDefaults: configured,
    collation: { locale: "de" },
  });
  await database.collection("configured weather").insertOne({ t: new Date(0) });
}

/** A database with every kind of collection, option and index that a backup carries. */
export async function fillWithEverything({
  client,
  name,
}: Pick<Setting, "client" | "name">): Promise<void> {
  const database = client.db(name);
  const odd = database.collection<{ _id: unknown }>("odd");
  await odd.insertMany(oddDocuments() as never[]);
  // The driver would replace a null `_id`; an upsert does not.
  await odd.updateOne({ _id: null as never }, { $set: { a: 1 } } as never, { upsert: true });
  // An insert would make it the present time.
  const empty = new Timestamp(0n);
  await odd.updateOne({ _id: "every type" as never }, { $set: { timestamp: empty, 2: empty } });

  await database.createCollection("empty");
  const strange = database.collection("we ird/näme%.x");
  await strange.insertOne({ a: 1 });
  await strange.createIndex({ a: 1 }, { unique: true, name: "unique-a" });
  await database.collection("1").insertOne({ a: 1 });

  await database.createCollection("validated", {
    validator: { $or: [{ a: { $in: [1, 2] } }, { b: { $type: "string" } }] },
    validationLevel: "moderate",
    validationAction: "warn",
  });
  await database
    .collection("validated")
    .insertOne({ a: "breaks the rule" }, { bypassDocumentValidation: true });
  await database.createCollection("collated", {
    collation: { locale: "de", strength: 2 },
    changeStreamPreAndPostImages: { enabled: true },
    storageEngine: { wiredTiger: { configString: "block_compressor=zlib" } },
  });
  const collated = database.collection("collated");
  await collated.insertMany([{ a: "Ä" }, { a: "a" }]);
  await collated.createIndex({ a: 1 }, { name: "inherits" });
  await collated.createIndex({ a: 1 }, { name: "simple", collation: { locale: "simple" } });
  await collated.createIndex({ a: 1 }, { name: "french", collation: { locale: "fr" } });

  // An expiry that is not the last field, nor an Int32.
  await database.collection("expiring").insertMany([{ at: new Date(), kind: 1 }, { kind: 2 }]);
  await database.command({
    createIndexes: "expiring",
    indexes: [
      new Map<string, unknown>(
        [
          ["key", { at: 1 }],
          ["name", "soon"],
          ["expireAfterSeconds", Long.fromNumber(1_000_000)],
          ["sparse", true],
          ["partialFilterExpression", { kind: 1 }],
        ].filter(([field]) => field !== "sparse") as [string, unknown][],
      ),
      new Map<string, unknown>([
        ["key", { other: 1 }],
        ["name", "later"],
        ["expireAfterSeconds", 2_000_000.5],
        ["sparse", true],
        ["collation", { locale: "de" }],
      ]),
    ],
  });

  await database.createCollection("capped", { capped: true, size: 8192, max: 3 });
  const capped = database.collection<{ _id: number; at: Timestamp }>("capped");
  for (const _id of [9, 3, 7, 1]) await capped.insertOne({ _id, at: new Timestamp(0n) });
  await capped.updateOne({ _id: 7 }, { $set: { at: empty } });
  await database.createCollection("clustered", {
    clusteredIndex: { key: { _id: 1 }, unique: true, name: "the cluster" },
    expireAfterSeconds: 3_600,
  });
  await database.collection("clustered").insertMany([{ _id: new Date() as never }, { a: 1 }]);
  await database.createCollection("weather", {
    timeseries: { timeField: "t", metaField: "m", granularity: "minutes" },
    expireAfterSeconds: 1_000_000_000,
  });
  const weather = database.collection("weather");
  const points = Array.from({ length: 40 }, (_, n) => ({
    t: new Date(Date.UTC(2026, 0, 1, n)),
    m: n % 3,
    degrees: n / 7,
  }));
  await weather.insertMany(points);
  await weather.createIndex({ m: 1, t: -1 }, { name: "by place" });
  await defineAsOfOld({ client, name });
  await database.createCollection("view", {
    viewOn: "odd",
    pipeline: [{ $match: { $or: [{ a: 1 }, { b: { $gt: 0 } }] } }, { $project: { "2": 1 } }],
    collation: { locale: "sv" },
  });
  await database.createCollection("view on view", {
    viewOn: "view",
    pipeline: [],
    collation: { locale: "sv" },
  });
  await defineOddly({ client, name });

  const points2d = database.collection("indexed");
  await points2d.insertMany([
    { a: 1, t: "ein Text", at: [1, 2], place: { type: "Point", coordinates: [8, 47] }, when: null },
    { a: 2, b: [1, 2, 3], free: { x: { y: 1 } } },
  ]);
  await database.command({
    createIndexes: "indexed",
    indexes: [
      {
        key: new Map([...Object.entries({ b: 1 }), ["2", -1]] as never),
        name: "integer-like key",
      },
      { key: { a: 1 }, name: "partial", partialFilterExpression: { $and: [{ a: { $gt: 1 } }] } },
      { key: { a: -1 }, name: "sparse", sparse: true, unique: true },
      { key: { c: 1 }, name: "hidden", hidden: true },
      { key: { when: 1 }, name: "expires", expireAfterSeconds: 60 },
      {
        key: { a: 1, t: "text", u: "text" },
        name: "words",
        weights: { t: 5 },
        default_language: "german",
        language_override: "sprache",
      },
      { key: { place: "2dsphere" }, name: "sphere" },
      { key: { at: "2d" }, name: "plane", bits: 20, min: -500, max: 500 },
      { key: { a: "hashed" }, name: "hashed" },
      { key: { "$**": 1 }, name: "wild", wildcardProjection: { free: 1, b: 1 } },
      { key: { "free.$**": 1 }, name: "wild below" },
    ],
  });
}

/** Damages each kind of collection in its own way; also one that was damaged before. */
export async function damageEverything({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  await database.collection("odd").deleteMany({});
  await database.dropCollection("empty");
  await database.command({ collMod: "validated", validator: {} });
  await database.collection("collated").dropIndex("simple");
  await database.collection<{ _id: number }>("capped").insertOne({ _id: 100 });
  await database.dropCollection("clustered");
  await database.createCollection("clustered");
  await database.collection("weather").insertOne({ t: new Date(), m: 9 });
  await database.command({ collMod: "view", viewOn: "capped", pipeline: [] });
  await database.dropCollection("view on view");
  await database.createCollection("view on view");
  await database.dropCollection("1");
  await database.createCollection("1", { viewOn: "odd", pipeline: [] });
  await database.command({ collMod: "twice", validator: { qty: { $lt: 5 } } });
  await database.collection("twice").dropIndexes();
  await database.command({ collMod: "oddly", validator: {} });
  const pipeline = [{ $match: { qty: { $lt: 5 } } }];
  await database.command({ collMod: "view of twice", viewOn: "twice", pipeline });
  await database.dropCollection("grown up");
  await database.createCollection("grown up");
  await database.dropCollection("configured weather");
  await database.collection("indexed").dropIndexes();
  await database.createCollection("more weather", { timeseries: { timeField: "t" } });
  await database.createCollection("another view", { viewOn: "odd", pipeline: [] });
}
