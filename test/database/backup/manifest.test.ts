// Aim: a dump's digest and seal change with what they are over, and with nothing else; its file names
// are mongodump's. Method: one manifest, one field changed at a time.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import {
  collectionOfFile,
  fileNameOf,
  isCut,
} from "../../../src/database/backup/dump/file-names.ts";
import {
  type DumpedCollection,
  type Manifest,
  manifestDigest,
  manifestName,
  sealed,
  sealOf,
} from "../../../src/database/backup/manifest.ts";

const collection = {
  ...{ name: "a", type: "collection", uuid: "u", options: { o: 1 }, indexes: [{ i: 1 }] },
  ...{ file: "a", dataFile: "a", bytes: 1, documents: 2, sha256: "s", hash: "h" },
} as unknown as DumpedCollection;
const other = { ...collection, name: "b" } as DumpedCollection;

test("the digest is over names and contents in no order, not over where or when", () => {
  const digest = manifestDigest([collection, other]);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(manifestDigest([other, collection])).toBe(digest);
  for (const more of [{ file: "x" }, { dataFile: null }, { bytes: 9 }, { hash: "x" }]) {
    expect(manifestDigest([{ ...collection, ...more }, other])).toBe(digest);
  }
  const counted = [
    ...[{ name: "x" }, { type: "view" }, { sha256: "x" }, { documents: 9 }],
    ...[{ options: {} }, { indexes: [] }],
  ];
  for (const more of counted) {
    const changed = { ...collection, ...more } as unknown as DumpedCollection;
    expect(manifestDigest([changed, other])).not.toBe(digest);
  }
});

test("the digest of a dump, to the letter: other hosts and earlier releases have made it", () => {
  const line = (name: string) => `["${name}","collection","s",2,{"o":1},[{"i":1}]]`;
  const text = `${line("a")}\n${line("b")}`;
  expect(manifestDigest([other, collection])).toBe(createHash("sha256").update(text).digest("hex"));
});

test("the seal is over all other fields", () => {
  const manifest = { format: 2, backupId: "b", digest: "d" } as unknown as Omit<Manifest, "seal">;
  const whole = sealed(manifest);
  expect(whole).toEqual({ ...manifest, seal: sealOf(manifest) });
  expect(whole.seal).toMatch(/^[0-9a-f]{64}$/);
  expect(sealOf(whole)).toBe(whole.seal);
  expect(sealOf({ ...whole, digest: "x" })).not.toBe(whole.seal);
  expect(manifestName).toBe("manifest.json");
});

test.each([
  ["plain", "plain"],
  ["a b c", "a+b+c"],
  ["a/b", "a%2Fb"],
  ["a%b", "a%25b"],
  ["it's (all)!*", "it%27s+%28all%29%21%2A"],
  ["é", "%C3%A9"],
  ["a@b", "a%40b"],
  ["shop=eu", "shop%3Deu"],
  ["a+b", "a%2Bb"],
  ["a~b_c-d.e", "a~b_c-d.e"],
])("the file of %s is %s", (name, file) => {
  expect(fileNameOf(name)).toBe(file);
  expect(collectionOfFile(file)).toBe(name);
});

test("a name that is too long for a file is cut as mongodump cuts it", () => {
  expect(fileNameOf("x".repeat(238))).toBe("x".repeat(238));
  // As mongodump wrote it.
  const file = `${"%E5%90%8D".repeat(24).slice(0, 208)}%24FfUztXjEy_48tS-UvZ_ES8rhD1U`;
  expect(fileNameOf("名".repeat(60))).toBe(file);
  expect([isCut(file), collectionOfFile(file), isCut("x".repeat(238))]).toEqual([
    true,
    null,
    false,
  ]);
});

test.each(["a%b", "%", "%zz", "%ff"])("%s is no name of a file", (file) => {
  expect(collectionOfFile(file)).toBeNull();
});
