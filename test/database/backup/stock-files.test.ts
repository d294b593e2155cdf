// Aim: each file of a stock dump is used, refused or named in a notice; documents are compared in any order, and a
// broken file ends the reading. Method: tables of names, properties of sums, and files that are cut or forged.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { BSON } from "mongodb";
import { expect, onTestFinished, test } from "vitest";
import { documentRuns } from "../../../src/database/backup/dump/dump-documents.ts";
import {
  type FoundFile,
  sortStockFiles,
  topFile,
} from "../../../src/database/restore/stock-files.ts";
import { createDocumentSum } from "../../../src/mongo/bson/document-sum.ts";

const files = (...names: readonly string[]): FoundFile[] =>
  names.map((name) => ({ name, kind: "file" }));

test("documents with and without metadata, plain and zipped, are used", () => {
  expect(
    sortStockFiles(files("a.bson", "a.metadata.json", "x.bson.bson", "v.metadata.json")),
  ).toEqual({
    ...{ gzip: false, metadata: ["a", "v"], data: ["a", "x.bson"] },
    ...{ notices: [], problems: [] },
  });
  expect(sortStockFiles(files("a.bson.gz", "a.metadata.json.gz"))).toMatchObject({
    ...{ gzip: true, metadata: ["a"], data: ["a"], notices: [], problems: [] },
  });
  expect(sortStockFiles(files("a.bson.gz"))).toMatchObject({ gzip: true, data: ["a"] });
  // A collection of this name, as its metadata says.
  expect(sortStockFiles(files("oplog.bson", "oplog.metadata.json")).problems).toEqual([]);
});

test.each([
  ...[".DS_Store", "._a.bson", "prelude.json", "prelude.json.gz", "notes.txt", "Thumbs.db"],
  ...["$admin.system.users.bson", "$admin.system.roles.metadata.json", "system.profile.bson"],
  "system.views.metadata.json",
])("%s is left out with a notice", (name) => {
  const sorted = sortStockFiles(files(name, "a.bson"));
  expect(sorted).toMatchObject({ data: ["a"], metadata: [], problems: [] });
  expect(sorted.notices).toEqual([expect.stringContaining(`"${name}" is left out`)]);
});

test.each([
  ...["a.bson.zst", "a.BSON", "a.bson.gz.1", "a.metadata.json.bak", "a.bson~"],
  ...["oplog.bson", "a.bson.GZ"],
])("%s is refused by name", (name) => {
  const { problems } = sortStockFiles(files(name, "b.bson"));
  expect(problems).toEqual([expect.stringContaining(`"${name}"`)]);
});

test("one form beside the other is refused, as are links; folders are left out with a notice", () => {
  expect(sortStockFiles(files("a.bson", "a.bson.gz")).problems).toHaveLength(1);
  expect(sortStockFiles(files("a.bson.gz", "a.metadata.json")).problems).toHaveLength(1);
  const link: FoundFile = { name: "a.bson", kind: "other" };
  expect(sortStockFiles([link]).problems).toEqual([expect.stringContaining('"a.bson"')]);
  expect(sortStockFiles([{ name: "inner", kind: "folder" }]).notices).toHaveLength(1);
});

test("beside the database's folder: documents are refused, all else is left out with a notice", () => {
  for (const name of ["a.bson", "a.metadata.json.gz"]) {
    expect(topFile({ name, kind: "file" }).problem).toContain(name);
  }
  for (const name of ["prelude.json", ".DS_Store", "README"]) {
    expect(topFile({ name, kind: "file" }).notice).toContain(name);
  }
  expect(topFile({ name: "shop", kind: "other" }).problem).toContain("shop");
});

const sumOf = (documents: readonly Uint8Array[]) => {
  const sum = createDocumentSum();
  for (const document of documents) sum.add(document);
  return sum.text();
};

test("a sum is the same in any order, and another with a document doubled, missing or changed", () => {
  const documents = fc.array(fc.uint8Array({ minLength: 1 }), { minLength: 1 });
  fc.assert(
    fc.property(documents, fc.nat(), fc.func(fc.integer()), (all, at, order) => {
      const one = all[at % all.length] as Uint8Array;
      const shuffled = all.toSorted((left, right) => order(left) - order(right));
      expect(sumOf(shuffled)).toBe(sumOf(all));
      expect(sumOf(all.toReversed())).toBe(sumOf(all));
      expect(sumOf([...all, one])).not.toBe(sumOf(all));
      expect(sumOf(all.toSpliced(at % all.length, 1))).not.toBe(sumOf(all));
      const changed = Uint8Array.from([(one[0] as number) ^ 1, ...one.subarray(1)]);
      expect(sumOf(all.with(at % all.length, changed))).not.toBe(sumOf(all));
    }),
  );
});

const document = BSON.serialize({ _id: 1 });
const length = (bytes: number) => {
  const forged = Buffer.alloc(64);
  forged.writeInt32LE(bytes);
  return forged;
};
test.each([
  ["a length of nothing", length(0), "no document"],
  ["a length below nothing", length(-64), "no document"],
  ["a length beyond any document's", length(2_000_000_000), "no document"],
  [
    "a document without its end",
    Buffer.from(document).fill(1, document.length - 1),
    "without an end",
  ],
  ["half a document", document.subarray(0, 9), "in the middle of"],
  ["half a length", document.subarray(0, 2), "in the middle of"],
])("a file with %s ends the reading", async (_, bytes, words) => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-documents-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const path = join(root, "a.bson");
  await writeFile(path, Buffer.concat([document, bytes]));
  const read = async () => {
    let found = 0;
    for await (const { lengths } of documentRuns(path)) found += lengths.length;
    return found;
  };
  await expect(read()).rejects.toMatchObject({
    code: "backup-mismatch",
    message: expect.stringContaining(words),
  });
});
