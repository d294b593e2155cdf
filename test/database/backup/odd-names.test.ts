// Aim: databases and collections whose names need escaping somewhere are copied and restored, and the copy's files are
// called as mongodump calls them: the database's folder by its very name, a collection's files by its escaped one.
// Method: the real set; our copy, the same without our manifest (a stock dump), and with the folder of earlier builds.

import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { verifyDump } from "../../../src/database/backup/dump/verify-dump.ts";
import type { Manifest } from "../../../src/database/backup/manifest.ts";
import { loadDatabase } from "../../../src/database/restore/load/load-database.ts";
import { readStockDump } from "../../../src/database/restore/stock-dump.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { createSetting, takeCopy, targetIn } from "../setting.ts";

const names = ["a@b", "ü=50%", "%41+ /&?#", "名".repeat(60)];

async function createStage(ending: string) {
  const setting = await createSetting();
  const { client } = setting;
  const name = `${setting.name}${ending}`;
  const beside = `${setting.name}_beside`;
  onTestFinished(async () => {
    for (const each of [name, beside]) await client.db(each).dropDatabase();
  });
  const database = client.db(name);
  for (const each of names) await database.collection(each).insertOne({ a: each });
  await database.createCollection("ü@+%", { timeseries: { timeField: "at" } });
  await database.collection("ü@+%").insertOne({ at: new Date(0) });
  await database.createCollection("v@ü", { viewOn: "a@b", pipeline: [] });
  const copy = await takeCopy({ ...setting, name });
  return {
    ...{ name, ...copy },
    async expectLoaded(manifest: Manifest) {
      await client.db(beside).dropDatabase();
      const options = targetIn(client, beside);
      await loadDatabase(options, copy.directory, manifest);
      expect(await digestDatabase(client, beside)).toEqual(copy.digest);
    },
  };
}

test.each(["@ü=eu", "%41+b", "'!()~&#;,%"])(
  "a database whose name ends in %s: our copy, one of an earlier build, and a stock dump",
  async (ending) => {
    const stage = await createStage(ending);
    const { directory, name } = stage;
    const folders = async () => (await readdir(directory)).filter((each) => !each.includes("."));
    expect(await folders()).toEqual([name]);
    const files = await readdir(join(directory, name));
    expect(files).toContain("a%40b.bson");
    expect(files).toContain("system.buckets.%C3%BC%40%2B%25.bson");
    await stage.expectLoaded(await verifyDump(directory));
    const earlier = encodeURIComponent(name).replace(/[!'()*]/g, (character) => {
      return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    });
    await rename(join(directory, name), join(directory, earlier));
    await stage.expectLoaded(stage.manifest);
    await verifyDump(directory);
    expect(await folders()).toEqual([name]);
    await rm(join(directory, "manifest.json"));
    const stock = await readStockDump(directory);
    expect(stock.databaseName).toBe(name);
    await stage.expectLoaded(stock);
  },
);
