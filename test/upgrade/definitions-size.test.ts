// Aim: definitions that the journal of an upgrade could not carry are refused before a gate is shut. Method: the
// pure decision for many collections; real collections with large validators, through the preflight.
import { expect, test } from "vitest";
import { controlDatabaseName } from "../../src/database/database-names.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { openSeam } from "../../src/ports/seam.ts";
import { createMongoStore } from "../../src/store/mongo-store.ts";
import { journalBytes, requireDefinitionsFit } from "../../src/upgrade/definitions-size.ts";
import { preflightUpgrade } from "../../src/upgrade/preflight-upgrade.ts";
import type { DatabaseWorld } from "../../src/upgrade/world.ts";
import { createSetting, withMember } from "../database/setting.ts";

const many = (count: number) => ({
  collections: Array.from({ length: count }, (_, number) => ({
    ...{ name: `collection-${number}`, type: "collection" as const, uuid: "0".repeat(32) },
    ...{ options: "BQAAAAA=", indexes: ["i".repeat(90), "j".repeat(100)] },
  })),
});

test("3,000 collections with two indexes each fit; 10,000 are refused with the figures", () => {
  expect(() => requireDefinitionsFit(many(3_000))).not.toThrow();
  const figures = `10000 collections that take ${journalBytes(many(10_000)) + limits.definitionsGrowthBytes}`;
  expect(() => requireDefinitionsFit(many(10_000))).toThrow(figures);
});

test("a few collections with large validators", async () => {
  const { client, name } = await createSetting();
  const controlName = controlDatabaseName(name);
  const store = createMongoStore({ client, databaseName: controlName, seam: openSeam });
  const world = { client, store, withMember, databaseName: name, log: silentLog };
  const whole = { ...world, controlDatabaseName: controlName } as unknown as DatabaseWorld;
  const create = async (from: number, to: number) => {
    for (let number = from; number < to; number += 1) {
      const validator = { words: { $nin: ["w".repeat(100_000)] } };
      await client.db(name).createCollection(`c${number}`, { validator });
    }
  };
  const preflight = () => preflightUpgrade(whole, { bytes: 0, files: 0 });
  await create(0, 3);
  expect(await preflight()).toEqual(expect.any(Array));
  await create(3, 20);
  await expect(preflight()).rejects.toMatchObject({
    code: "database-not-supported",
    details: { collections: 20, maxBytes: limits.snapshotBytesMax },
  });
});
