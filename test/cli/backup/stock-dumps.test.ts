// Aim: what stock mongodump wrote is restored as mongorestore does it, or refused by name; nothing of it is lost in
// silence. Method: the compiled program on the real set, with dumps written in mongodump's form.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { BSON, type Document, UUID } from "mongodb";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../../src/ports/process.ts";
import { createSetting, type Setting } from "../../database/setting.ts";
import { urlOf } from "../../support/database.ts";

const main = resolve("dist/src/cli/main.js");

let setting: Setting;
let root: string;
let target: string;
let shop: string;
beforeEach(async () => {
  setting = await createSetting();
  target = `${setting.name}_stock`;
  root = await mkdtemp(join(tmpdir(), "lockstep-stock-"));
  shop = join(root, "dump", "shop");
  await mkdir(shop, { recursive: true });
  onTestFinished(async () => {
    await setting.client.db(target).dropDatabase();
    await rm(root, { recursive: true, force: true });
  });
});

async function restore(...more: readonly string[]) {
  const words = ["restore", "dump", "--directory", root, "--mongo-url", urlOf(setting.name)];
  const ran = await runCommand(process.execPath, [main, ...words, ...more, "--to-db", target], {
    timeoutMs: 60_000,
  });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
}

const bson = (documents: readonly Document[]) =>
  Buffer.concat(documents.map((document) => BSON.serialize(document)));
const idIndex = { v: 2, key: { _id: 1 }, name: "_id_" };
const metadata = (more: object = {}) =>
  JSON.stringify({ indexes: [idIndex], type: "collection", options: {}, ...more });
const write = (name: string, content: string | Uint8Array) => writeFile(join(shop, name), content);
const there = async () => {
  const found = await setting.client.db(target).listCollections().toArray();
  return found.map(({ name }) => name).toSorted();
};
const ids = {
  strings: (n: number) => `${(n * 7919) % 1000}-${n}`,
  uuids: () => new UUID(),
  mixed: (n: number) => [n, `s${n}`, null, { a: n }, -n / 2][n === 2 ? 2 : n % 5 === 2 ? 0 : n % 5],
};

test.each([
  ["strings, plain", ids.strings, false],
  ["UUIDs, zipped", ids.uuids, true],
  ["values of every type, plain", ids.mixed, false],
] as const)("documents in natural order: ids that are %s", async (_, id, zipped) => {
  const rows = Array.from({ length: 2_000 }, (_value, n) => ({ _id: id(n), n }));
  const zip = (content: string | Uint8Array) => (zipped ? gzipSync(content) : content);
  const more = zipped ? ".gz" : "";
  await write(`things.bson${more}`, zip(bson(rows as Document[])));
  await write(`things.metadata.json${more}`, zip(metadata()));
  const restored = await restore();
  expect(restored.code, restored.text).toBe(0);
  expect(await setting.client.db(target).collection("things").countDocuments()).toBe(2_000);
});

test("two documents of one id are refused by name", async () => {
  await write("things.bson", bson([{ _id: "b" }, { _id: "a" }, { _id: "b" }]));
  await write("things.metadata.json", metadata());
  const restored = await restore();
  expect([restored.code, restored.text]).toEqual([
    1,
    expect.stringMatching(/restore-failed.*"things".*duplicate key/s),
  ]);
  expect(await there()).toEqual([]);
});

test("documents without a metadata file become a plain collection, which a notice says", async () => {
  await write("things.bson", bson([{ _id: 2 }, { _id: 1 }]));
  await write("a%2Fb+c.bson", "");
  await write("known.bson", "");
  await write("known.metadata.json", metadata());
  const restored = await restore();
  expect(restored.code, restored.text).toBe(0);
  expect(await there()).toEqual(["a/b c", "known", "things"]);
  expect(await setting.client.db(target).collection("things").indexes()).toEqual([idIndex]);
  expect(await setting.client.db(target).collection("things").countDocuments()).toBe(2);
  expect(restored.text).toContain('notice: "a/b c" has no metadata file');
  expect(restored.text).toContain('notice: "things" has no metadata file');
});

const indexed = (...indexes: readonly object[]) => metadata({ indexes: [idIndex, ...indexes] });
const good = { v: 2, key: { a: 1 }, name: "a" };

test.each<[string, readonly object[], string]>([
  ["an empty name", [{ ...good, name: "" }], "name"],
  ["no name", [{ v: 2, key: { a: 1 } }], "name"],
  ["a name that means all indexes", [{ ...good, name: "*" }], "\\*"],
  ["no key", [{ v: 2, name: "a" }], "key"],
  ["a key of a kind that no server has", [{ ...good, key: { a: "elsewhere" } }], "elsewhere"],
  ["a version that no server has", [{ ...good, v: 7 }], "version|v:"],
  ["a text where yes or no belongs", [{ ...good, unique: "yes" }], "unique"],
  ["two definitions of one name", [good, { ...good, key: { b: 1 } }], "same name"],
  [
    "a language that no server has",
    [{ v: 2, key: { t: "text" }, name: "t", default_language: "xx" }],
    "xx",
  ],
])("an index with %s is refused before anything is created", async (_, indexes, words) => {
  await write("big.bson", bson([{ _id: 1 }]));
  await write("big.metadata.json", metadata());
  await write("things.bson", bson([{ _id: 1 }]));
  await write("things.metadata.json", indexed(...indexes));
  for (const more of [["--dry-run"], []]) {
    const restored = await restore(...more);
    expect(restored.text).toMatch(
      new RegExp(`database-not-supported.*"things".*(${words}).*nothing was touched`, "s"),
    );
    expect(restored.code).toBe(1);
    expect(await there()).toEqual([]);
  }
});

test("a text as `background` of an index is left out, which a notice says", async () => {
  await write("things.bson", bson([{ _id: 1 }]));
  await write("things.metadata.json", indexed({ ...good, background: "yes" }));
  const restored = await restore();
  expect(restored.code, restored.text).toBe(0);
  expect(restored.text).toContain('notice: index "a" of "things": "background" is left out');
  expect(await setting.client.db(target).collection("things").indexes()).toEqual([idIndex, good]);
});

const time = { timeField: "at", granularity: "seconds", bucketMaxSpanSeconds: 3600 };
const refusedFiles: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ["metadata without documents", { "b.metadata.json": metadata() }, /b\.bson.*is missing/],
  [
    "a time series without its buckets",
    {
      "b.metadata.json": metadata({
        type: "timeseries",
        options: { timeseries: time },
        indexes: [],
      }),
    },
    /system\.buckets\.b\.bson.*is missing/,
  ],
  [
    "metadata that is null",
    { "b.bson": "", "b.metadata.json": "null" },
    /b\.metadata\.json.*no object/,
  ],
  [
    "metadata that is a list",
    { "b.bson": "", "b.metadata.json": "[]" },
    /b\.metadata\.json.*no object/,
  ],
  ["buckets without their time series", { "system.buckets.b.bson": "" }, /system\.buckets\.b/],
  ["stored functions without metadata", { "system.js.bson": "" }, /system\.js/],
  ["indexes of an age-old dump", { "system.indexes.bson": "" }, /system\.indexes/],
  [
    "documents of a view",
    {
      "b.metadata.json": metadata({ type: "view", options: { viewOn: "a", pipeline: [] } }),
      "b.bson": "",
    },
    /documents of "b", which is a view/,
  ],
  [
    "two files of one collection",
    { "b.bson": "", "b.metadata.json": metadata({ collectionName: "a" }) },
    /"a" twice/,
  ],
  [
    "a type of nobody's",
    { "b.bson": "", "b.metadata.json": metadata({ type: "__proto__" }) },
    /type/,
  ],
  [
    "a name that the server refuses",
    { "b.bson": "", "b.metadata.json": metadata({ collectionName: "a$b" }) },
    /restore-failed.*"a\$b" cannot be created/,
  ],
  [
    "indexes that are no list",
    { "b.bson": "", "b.metadata.json": metadata({ indexes: {} }) },
    /b\.metadata\.json has an unusable "indexes"/,
  ],
  [
    "options that are no document",
    { "b.bson": "", "b.metadata.json": metadata({ options: [] }) },
    /b\.metadata\.json has an unusable "options"/,
  ],
  [
    "a name that is no text",
    { "b.bson": "", "b.metadata.json": metadata({ collectionName: 5 }) },
    /b\.metadata\.json has an unusable "collectionName"/,
  ],
  ["a name of nobody's", { "%zz.bson": "" }, /%zz/],
  ["a name that was cut", { [`${"x".repeat(208)}%24${"h".repeat(27)}.bson`]: "" }, /was cut/],
  ["a zipped file beside plain ones", { "b.bson.gz": "" }, /zipped files lie beside plain/],
  ["an oplog among the collections", { "oplog.bson": "" }, /oplog\.bson/],
];
test.each(refusedFiles)("refused by name: %s", async (_, found, words) => {
  await write("a.bson", "");
  await write("a.metadata.json", metadata());
  for (const [name, content] of Object.entries(found)) await write(name, content);
  const restored = await restore();
  expect([restored.code, restored.text]).toEqual([1, expect.stringMatching(words)]);
  expect(restored.text).toMatch(/backup-mismatch|database-not-supported|restore-failed/);
  expect(await there()).toEqual([]);
});

test("a link is not followed", async () => {
  await writeFile(join(root, "secret"), bson([{ _id: 1 }]));
  await symlink(join(root, "secret"), join(shop, "a.bson"));
  const restored = await restore();
  expect([restored.code, restored.text]).toEqual([1, expect.stringMatching(/"a\.bson" is a link/)]);
});

test("what mongorestore leaves out is left out, and named", async () => {
  await write("a.bson", "");
  await write("a.metadata.json", metadata());
  const names = [".DS_Store", "prelude.json", "$admin.system.users.bson", "notes.txt"];
  for (const name of names) await write(name, "{}");
  await mkdir(join(shop, "inner"));
  await writeFile(join(root, "dump", ".DS_Store"), "");
  const restored = await restore();
  expect(restored.code, restored.text).toBe(0);
  for (const name of [...names, "inner"]) expect(restored.text).toContain(`"${name}" is left out`);
  expect(await there()).toEqual(["a"]);
});

test.each(["oplog.bson", "oplog.bson.gz"])(
  "a dump with %s is refused: its documents are of no one moment",
  async (name) => {
    await write("a.bson", bson([{ _id: 1, counter: 109 }]));
    await write("a.metadata.json", metadata());
    await writeFile(join(root, "dump", name), "");
    const restored = await restore();
    expect(restored.code, restored.text).toBe(1);
    expect(restored.text).toMatch(/database-not-supported.*oplog.*mongorestore --oplogReplay/s);
    await mkdir(join(root, "dump", "admin"));
    expect((await restore()).text).toMatch(/whole server \(admin, shop\).*--oplogReplay/s);
    expect(await there()).toEqual([]);
  },
);

test("a dump of a whole server says how one database is picked", async () => {
  await write("a.bson", "");
  await mkdir(join(root, "dump", "admin"));
  const restored = await restore();
  expect(restored.code).toBe(1);
  expect(restored.text).toMatch(/2 databases \(admin, shop\).*copy the folder of one.*--oplog/s);
});

const expiring = (expireAfterSeconds: unknown) =>
  metadata({ indexes: [idIndex, { v: 2, key: { at: 1 }, name: "old", expireAfterSeconds }] });

test.each([{ $numberDouble: "-5" }, "60"])(
  "an index's expiry that no server takes, %j, is refused by name before anything is created",
  async (seconds) => {
    await write("things.bson", bson([{ _id: 1 }]));
    await write("things.metadata.json", expiring(seconds));
    const restored = await restore();
    expect([restored.code, restored.text]).toEqual([
      1,
      expect.stringMatching(/database-not-supported.*index "old" of "things" \(an expireAfter/),
    ]);
    expect(await there()).toEqual([]);
  },
);

test.each([
  ["1e15", 2_147_483_647],
  ["NaN", 2_147_483_647],
  ["3600.5", 3_600],
  ["3600.0", 3_600],
])("an index's expiry of %s seconds is taken for %d, as the server does", async (text, seconds) => {
  await write("things.bson", bson([{ _id: 1 }]));
  await write("things.metadata.json", expiring({ $numberDouble: text }));
  const restored = await restore();
  expect(restored.code, restored.text).toBe(0);
  expect(restored.text.includes("notice")).toBe(text !== "3600.0");
  const [, index] = await setting.client.db(target).collection("things").indexes();
  expect(index).toMatchObject({ name: "old", expireAfterSeconds: seconds });
});
