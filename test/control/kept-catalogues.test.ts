// Aim: what is stored once for an upgrade is read as it was, or not at all; a deposed master stores nothing; and
// nothing stays once the upgrade has ended. Method: one suite on the memory store and on the MongoDB store.

import { describe, expect, test } from "vitest";
import {
  keepCatalogue,
  readKeptCatalogue,
  sweepCatalogues,
} from "../../src/control/kept-catalogues.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { collections, documentIds, type Entry, type Store } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { createSetting } from "../database/setting.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const fence = (epoch: number) => ({
  ...{ collection: collections.fences, id: documentIds.master },
  ...{ expect: { epoch }, increment: { sequence: 1 } },
});

const odd = { "a.b": 1, "": "é\u0007", "😀": ["\ud83d"], nested: { $set: null } };
const large = { text: "é😀".repeat(limits.cataloguePartBytes / 8) };

const entryOf = (upgradeId: string, status: Entry["status"]): Entry => ({
  ...{ actor: `upgrade/${upgradeId}`, revision: 0, machine: "upgrade" },
  ...{ owner: { kind: "role", role: "master" }, event: { type: "e" }, outcome: "applied" },
  ...{ snapshot: "{}", state: "s", status, timers: [], effects: [], epoch: 1, protocol: 1, at: 1 },
});

const stores: Readonly<Record<string, () => Promise<Store>>> = {
  "in memory": async () => createMemoryStore({ now: () => 0 }),
  "on MongoDB": async () => {
    const { client, name } = await createSetting();
    return createMongoStore({
      client,
      databaseName: `lockstep_${name}`,
      faultPoints: noFaults,
      clock: systemClock,
    });
  },
};

describe.each(Object.entries(stores))("%s", (_name, open) => {
  const opened = async () => {
    const store = await open();
    const id = documentIds.master;
    await store.write([
      { collection: collections.fences, id, expect: null, set: { epoch: 1, sequence: 0 } },
    ]);
    return { store, keep: { store, fence: fence(1) } };
  };

  test("odd names and a value of many parts are read as they were, and stored once", async () => {
    const { store, keep } = await opened();
    for (const value of [odd, large]) {
      const digest = await keepCatalogue(keep, "u000001", value);
      expect(await keepCatalogue(keep, "u000001", value)).toBe(digest);
      expect(await readKeptCatalogue(store, "u000001", digest)).toEqual(value);
    }
    expect(await store.list(collections.catalogues)).toHaveLength(2);
    expect((await store.list(collections.catalogueParts)).length).toBeGreaterThan(3);
  });

  test("a part that is gone, changed, or of a value cut short by a death is not read", async () => {
    const { store, keep } = await opened();
    const digest = await keepCatalogue(keep, "u000001", large);
    const part = `u000001/${digest}/1`;
    const read = () => readKeptCatalogue(store, "u000001", digest);
    const collection = collections.catalogueParts;
    await store.write([{ collection, id: part, expect: {}, set: { text: "other" } }]);
    await expect(read()).rejects.toMatchObject({ code: "backup-mismatch" });
    await store.erase(collection, [part], "a test");
    await expect(read()).rejects.toMatchObject({ code: "backup-mismatch" });
    // A master that comes to it again stores what is missing.
    await keepCatalogue(keep, "u000001", large);
    expect(await read()).toEqual(large);
    await expect(readKeptCatalogue(store, "u000002", digest)).rejects.toMatchObject({
      code: "backup-mismatch",
    });
  });

  test("a deposed master stores nothing", async () => {
    const { store } = await opened();
    const late = keepCatalogue({ store, fence: fence(0) }, "u000001", odd);
    await expect(late).rejects.toMatchObject({ code: "fenced" });
    expect(await store.list(collections.catalogues)).toEqual([]);
  });

  test("an upgrade's end removes its own values, and neither those of another nor those of the next one", async () => {
    const { store, keep } = await opened();
    // The third upgrade is about to be accepted.
    await store.append([entryOf("u000001", "done"), entryOf("u000002", "active")]);
    for (const upgradeId of ["u000001", "u000002", "u000003"]) {
      await keepCatalogue(keep, upgradeId, odd);
      await keepCatalogue(keep, upgradeId, large);
    }
    await sweepCatalogues(store);
    await sweepCatalogues(store);
    const heads = await store.list(collections.catalogues);
    const kept = new Set(["u000002", "u000003"]);
    expect(heads).toHaveLength(4);
    expect(new Set(heads.map(({ _id }) => _id.split("/")[0]))).toEqual(kept);
    const parts = await store.list(collections.catalogueParts);
    expect(new Set(parts.map(({ _id }) => _id.split("/")[0]))).toEqual(kept);
  });

  test("what is too large is refused with the figures, and nothing is stored", async () => {
    const { store, keep } = await opened();
    const value = "v".repeat(limits.catalogueBytesMax);
    await expect(keepCatalogue(keep, "u000001", value)).rejects.toMatchObject({
      code: "database-not-supported",
      details: { bytes: value.length + 2, maxBytes: limits.catalogueBytesMax },
    });
    expect(await store.list(collections.catalogues)).toEqual([]);
  });
});
