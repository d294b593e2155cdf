// Aim: the loading of one collection that fails has ended when it says so, and nothing of it goes on. Method: a dump
// of several batches on the real set; a lane that fails while another one is held in its batch.

import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DumpedCollection } from "../../../src/database/backup/manifest.ts";
import { type LoadTarget, loadCollection } from "../../../src/database/restore/load/load.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import type { FaultPoints } from "../../../src/ports/fault-point.ts";
import { createSetting, never, takeCopy } from "../setting.ts";

/** Three batches, by the number of their documents. */
const documents = 21_000;

async function createStage() {
  const setting = await createSetting();
  const { client, name } = setting;
  const rows = Array.from({ length: documents }, (_, n) => ({ _id: n, text: "x".repeat(100) }));
  await client.db(name).collection<{ _id: number }>("things").insertMany(rows);
  const { directory, manifest } = await takeCopy(setting);
  const from = manifest.collections[0] as DumpedCollection;
  return {
    setting,
    load: (faultPoints: FaultPoints, signal = never) => {
      const target: LoadTarget = {
        client,
        databaseName: name,
        signal,
        faultPoints,
        clock: systemClock,
      };
      return loadCollection(target, directory, manifest, from, "loaded");
    },
    /** Open files of this process within the copy. */
    async openFiles() {
      const links = await readdir("/proc/self/fd");
      const paths = await Promise.all(
        links.map((link) => readlink(join("/proc/self/fd", link)).catch(() => "")),
      );
      return paths.filter((path) => path.startsWith(directory));
    },
  };
}

test.each(["fails", "is aborted"])(
  "once a lane %s, the others end before the load does, no further batch begins, and the file is closed",
  async (how) => {
    const stage = await createStage();
    const mastership = new AbortController();
    let begun = 0;
    let activeUpgrade = 0;
    let fail = () => {};
    const failed = new Promise<void>((resolve) => {
      fail = resolve;
    });
    const faultPoints: FaultPoints = {
      async write(name, action) {
        if (name !== "load-batch") return action();
        begun += 1;
        activeUpgrade += 1;
        try {
          if (begun === 1) {
            await failed;
            return await action();
          }
          if (how === "is aborted") mastership.abort(new Error("as ordered"));
          // The other lane goes on when this one has failed.
          setImmediate(fail);
          throw new Error("as ordered");
        } finally {
          activeUpgrade -= 1;
        }
      },
    };
    await expect(stage.load(faultPoints, mastership.signal)).rejects.toThrow("as ordered");
    expect([activeUpgrade, begun, await stage.openFiles()]).toEqual([0, 2, []]);
  },
);

test("a collection that is dropped as soon as it is created is not made again by the first batch", async () => {
  const stage = await createStage();
  const database = stage.setting.client.db(stage.setting.name);
  const faultPoints: FaultPoints = {
    async write(name, action) {
      const result = await action();
      if (name === "load-create") await database.dropCollection("loaded");
      return result;
    },
  };
  await expect(stage.load(faultPoints)).rejects.toMatchObject({ code: "restore-failed" });
  expect(await database.listCollections({ name: "loaded" }).toArray()).toEqual([]);
});
