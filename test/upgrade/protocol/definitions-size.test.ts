// Aim: the definitions of a database, however many, are stored once for an upgrade and not in its journal, or they
// are refused before a gate is shut. Method: the pure decision for many collections; the store in memory; real
// collections with large validators, through the preflight.

import { expect, test } from "vitest";
import { createMongoStore } from "../../../src/journal/mongo-store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { controlDatabaseName } from "../../../src/mongo/database-names.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import {
  type PreflightOptions,
  preflightUpgrade,
} from "../../../src/upgrade/database/preflight-upgrade.ts";
import {
  catalogueBytes,
  requireDefinitionsFit,
} from "../../../src/upgrade/protocol/definitions-size.ts";
import { createSetting, withMember } from "../../database/setting.ts";
import { openClient } from "../../support/database.ts";

const many = (count: number, optionsBytes = 8) => ({
  collections: Array.from({ length: count }, (_, number) => ({
    ...{ name: `collection-${number}`, type: "collection" as const, uuid: "0".repeat(32) },
    ...{ options: "B".repeat(optionsBytes), indexes: ["i".repeat(90), "j".repeat(100)] },
  })),
});

test("as many collections as are carried at all fit; larger definitions are refused with the figures", () => {
  expect(() => requireDefinitionsFit(many(limits.collectionsMax))).not.toThrow();
  const large = many(100, 1_000_000);
  const figures = `100 collections that take ${catalogueBytes(large) + limits.definitionsGrowthBytes}`;
  expect(() => requireDefinitionsFit(large)).toThrow(figures);
});

test("collections with validators larger than a journal entry may be, read once and handed on to be kept", async () => {
  const { name } = await createSetting();
  const client = await openClient({ monitorCommands: true });
  const controlName = controlDatabaseName(name);
  const store = createMongoStore({
    client,
    databaseName: controlName,
    faultPoints: noFaults,
    clock: systemClock,
  });
  const world = { client, store, withMember, databaseName: name, log: silentLog };
  const whole = { ...world, controlDatabaseName: controlName } as unknown as PreflightOptions;
  for (let number = 0; number < 20; number += 1) {
    const validator = { words: { $nin: ["w".repeat(250_000)] } };
    await client.db(name).createCollection(`c${number}`, { validator });
  }
  let looks = 0;
  client.on("commandStarted", ({ commandName }) => {
    if (commandName === "listIndexes") looks += 1;
  });
  const { catalogue } = await preflightUpgrade(whole, { bytes: 0, files: 0 });
  expect(looks).toBe(20);
  expect(catalogue).toEqual(await readCatalogue(client, name));
});
