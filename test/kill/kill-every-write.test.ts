// Aim: a restorer killed with -9 at a durable write, whichever it is, is followed by another process that
// ends equal to the backup. Method: processes; a database with every kind of collection, damaged anew
// each time. `npm run kill-every-write` takes every write; the tests a fixed slice of them.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, inject, test } from "vitest";
import { differences, readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../src/mongo/catalogue/digest.ts";
import { runCommand } from "../../src/ports/process.ts";
import { damageEverything, fillWithEverything } from "../database/everything.ts";
import { createSetting, takeCopy } from "../database/setting.ts";

const all = process.env["LOCKSTEP_KILL"] === "all";

test("killed at durable writes of a restore", { timeout: 3_600_000 }, async () => {
  const setting = await createSetting();
  const { client, name, folder } = setting;
  await fillWithEverything(setting);
  const { directory, catalogue, digest } = await takeCopy(setting);
  let epoch = 0;
  const restore = async (at: number, when: "before" | "after") => {
    epoch += 1;
    const path = join(folder, `order-${epoch}.json`);
    const order = { databaseName: name, directory, catalogue, digest, epoch, at, when };
    await writeFile(path, JSON.stringify(order));
    return runCommand(
      process.execPath,
      [resolve("dist/test/fixtures/restorer.js"), inject("mongoUrl"), path],
      { timeoutMs: 120_000 },
    );
  };
  const expectEqual = async (what: string) => {
    expect(await digestDatabase(client, name), what).toEqual(digest);
    const live = await readCatalogue(client, name);
    expect(differences(catalogue, live, { ignoreUuid: true }), what).toEqual([]);
  };

  await damageEverything(setting);
  const whole = await restore(0, "before");
  expect(whole?.exitCode, whole?.stderr).toBe(0);
  await expectEqual("whole");
  const writes = Number(whole?.stdout);
  expect(writes).toBeGreaterThan(40);
  const every = Array.from({ length: writes }, (_, index) => index + 1);
  const points = all ? every : [0.2, 0.6, 0.9].map((part) => Math.round(writes * part));
  for (const at of points) {
    for (const when of ["before", "after"] as const) {
      await damageEverything(setting);
      const killed = await restore(at, when);
      expect(killed?.exitCode, `${when} ${at}`).not.toBe(0);
      const next = await restore(0, "before");
      expect(next?.exitCode, `after a death ${when} ${at}: ${next?.stderr}`).toBe(0);
      await expectEqual(`${when} ${at}`);
    }
  }
});
