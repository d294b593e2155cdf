// Aim: nothing that others wrote is taken back unsaved: each document once, in its last state, with its types and its
// odd names; all of them where nobody can say which. Method: the real set; the files are read as stock dumps.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BSON, Double, Long } from "mongodb";
import { expect, onTestFinished, test } from "vitest";
import { saveForeignWrites } from "../../../src/database/isolation/save-foreign-writes.ts";
import { readStockDump } from "../../../src/database/restore/stock-dump.ts";
import { silentLog } from "../../../src/log.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { createSetting, never, takeCopy } from "../setting.ts";

type Written = { _id: unknown; v?: unknown };

async function stage() {
  const setting = await createSetting();
  const things = setting.client.db(setting.name).collection<Written>("things");
  await things.insertMany(["old", "changed", "deleted"].map((_id) => ({ _id, v: 1 })));
  const { manifest } = await takeCopy(setting);
  const root = await mkdtemp(join(tmpdir(), "lockstep-saved-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const options = {
    ...{ client: setting.client, databaseName: setting.name, control: setting.control },
    ...{ time: manifest.time, faultPoints: noFaults, signal: never, log: silentLog },
    directory: join(root, "deeper", "u000002-9"),
  };
  const saved = async (collection: string) => {
    const path = join(options.directory, setting.name, `${collection}.bson`);
    const bytes = await readFile(path);
    const found: Record<string, unknown>[] = [];
    for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
      const document = bytes.subarray(at, at + bytes.readInt32LE(at));
      found.push(BSON.deserialize(document, { promoteValues: false }));
    }
    return found;
  };
  return { setting, things, options, saved, root };
}

test("each document that others wrote, once and as it is; deletions are counted; a second attempt changes nothing", async () => {
  const { setting, things, options, saved } = await stage();
  expect(await saveForeignWrites({ ...options, directory: `${options.directory}-none` })).toEqual({
    ...{ path: null, documents: 0, deletions: 0 },
  });
  for (const v of [2, 3]) await things.updateOne({ _id: "changed" as never }, { $set: { v } });
  await things.deleteOne({ _id: "deleted" as never });
  await things.insertOne({ _id: new Double(1), v: Long.fromNumber(5) });
  await things.insertOne({ _id: "gone again" });
  await things.deleteOne({ _id: "gone again" as never });
  const odd = setting.client.db(setting.name).collection<Written>("a/b %c.bson");
  await odd.insertOne({ _id: null });
  const first = await saveForeignWrites(options);
  expect(first).toEqual({ path: options.directory, documents: 3, deletions: 2 });
  const [changed, typed] = (await saved("things")) as [
    { v: unknown },
    { _id: unknown; v: unknown },
  ];
  expect(changed).toMatchObject({ _id: "changed", v: new BSON.Int32(3) });
  expect([typed._id, typed.v]).toEqual([new Double(1), Long.fromNumber(5)]);
  const manifest = await readStockDump(options.directory, () => {});
  expect(manifest.collections.map(({ name }) => name).toSorted()).toEqual([
    "a/b %c.bson",
    "things",
  ]);
  await things.insertOne({ _id: "later" });
  expect(await saveForeignWrites(options)).toEqual(first);
  expect(await saved("things")).toHaveLength(2);
});

test("the oplog no longer says which: every document is saved", async () => {
  const { things, options, saved } = await stage();
  await things.insertOne({ _id: "new" });
  const found = await saveForeignWrites({ ...options, time: "1:1" });
  expect(found).toEqual({ path: options.directory, documents: 4, deletions: 0 });
  expect((await saved("things")).map(({ _id }) => _id)).toEqual([
    ...["old", "changed", "deleted", "new"],
  ]);
});

test("a folder that cannot be made: the trouble is one of the disk, and nothing is half there", async () => {
  const { things, options, root } = await stage();
  await things.insertOne({ _id: "new" });
  await writeFile(join(root, "file"), "");
  const blocked = { ...options, directory: join(root, "file", "u000002-9") };
  await expect(saveForeignWrites(blocked)).rejects.toMatchObject({ code: "file-trouble" });
  expect(await readdir(root)).toEqual(["file"]);
});
