// Aim: where the hash of a dump's file is the server's own hash of the collection, the file holds the live data, and
// the server takes it back. Method: every kind of collection on the real set; documents that an insert would change.
import { Binary, BSON, Double, Int32, Long, MinKey, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { compareDump, verifyDump } from "../../../src/database/backup/dump/verify-dump.ts";
import { type Manifest, manifestDigest, sealed } from "../../../src/database/backup/manifest.ts";
import { isTakenBack } from "../../../src/mongo/bson/insertable.ts";
import { isCapped } from "../../../src/mongo/catalogue/catalogue.ts";
import { writeFileAtomic } from "../../../src/ports/files.ts";
import { fillWithEverything } from "../everything.ts";
import { createSetting, takeCopy } from "../setting.ts";

const namesOf = (entries: Manifest["collections"]) => entries.map(({ name }) => name);

test("every kind of collection is proven by its hash, but for a capped one and one with an empty timestamp", async () => {
  const setting = await createSetting();
  await fillWithEverything(setting);
  const { directory } = await takeCopy(setting);
  const { manifest, equal } = await compareDump(directory);
  expect(manifest).toEqual(await verifyDump(directory));
  const data = manifest.collections.filter(({ type }) => type !== "view");
  const left = data.filter(({ name }) => !equal.includes(name));
  expect(namesOf(left)).toEqual(["capped", "odd"]);
  expect(namesOf(data.filter(isCapped))).toEqual(["capped"]);
  expect(data.filter(({ documents }) => documents > 0).length).toBeGreaterThan(10);
});

test("another hash of the live data, or none, proves nothing", async () => {
  const setting = await createSetting();
  const things = setting.client.db(setting.name).collection("things");
  await things.insertMany([{ n: 1 }, { n: 2 }]);
  const { directory } = await takeCopy(setting);
  expect((await compareDump(directory)).equal).toEqual(["things"]);
  // The live data was other data than the file holds: it changed during the copy, or a member lost a write.
  await things.updateOne({ n: 1 }, { $set: { n: 3 } });
  const after = await takeCopy(setting, `${directory}2`);
  const hash = after.digest["things"]?.hash ?? "";
  const { manifest } = await compareDump(directory);
  for (const other of [hash, ""]) {
    const collections = manifest.collections.map((entry) => ({ ...entry, hash: other }));
    const changed = sealed({ ...manifest, collections, digest: manifestDigest(collections) });
    await writeFileAtomic(`${directory}/manifest.json`, JSON.stringify(changed));
    expect((await compareDump(directory)).equal).toEqual([]);
  }
});

test("an empty timestamp is left to the load: an insert puts the present time there", async () => {
  const setting = await createSetting();
  const { client, name } = setting;
  const things = client.db(name).collection<{ _id: number; at: Timestamp }>("things");
  await things.insertOne({ _id: 1, at: new Timestamp({ t: 1, i: 1 }) });
  await things.updateOne({ _id: 1 }, { $set: { at: new Timestamp(0n) } });
  const { directory } = await takeCopy(setting);
  expect((await compareDump(directory)).equal).toEqual([]);
});

test("only what the server stores as it is counts as taken back", () => {
  const bytes = (document: object) => Buffer.from(BSON.serialize(document));
  const zero = {
    d: new Double(0),
    l: Long.ZERO,
    when: new Date(0),
    b: new Binary(Buffer.alloc(20)),
  };
  const taken: object[] = [
    { _id: 1 },
    { _id: null },
    { _id: { a: 1 } },
    { _id: new MinKey(), ...zero },
    { _id: 1, at: new Timestamp({ t: 1, i: 0 }) },
    { _id: 1, within: { at: new Timestamp(0n) } },
    { _id: new Date(0), n: new Int32(0) },
    { _id: 1, text: "x".repeat(16 * 1024 * 1024 - 100) },
  ];
  for (const document of taken)
    expect(isTakenBack(bytes(document)), BSON.EJSON.stringify(document).slice(0, 80)).toBe(true);
  const changed: object[] = [
    {},
    { a: 1 },
    { a: 1, _id: 1 },
    { _idx: 1 },
    { _id: [1] },
    { _id: /a/ },
    { _id: { $a: 1 } },
    { _id: 1, at: new Timestamp(0n) },
    { _id: 1, ...zero, at: new Timestamp(0n) },
    { _id: 1, text: "x".repeat(16 * 1024 * 1024) },
  ];
  for (const document of changed)
    expect(isTakenBack(bytes(document)), BSON.EJSON.stringify(document).slice(0, 80)).toBe(false);
});
