import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MongoClient, MongoNetworkError } from "mongodb";
import { inject, onTestFinished } from "vitest";
import { chooseBackupTime } from "../../src/database/backup/backup-time.ts";
import { dumpDatabase } from "../../src/database/backup/dump/dump.ts";
import type { Manifest } from "../../src/database/backup/manifest.ts";
import type { SchemaRunOptions } from "../../src/database/migration/runner.ts";
import type { Mastership } from "../../src/leadership/mastership.ts";
import { silentLog } from "../../src/log.ts";
import { readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../src/mongo/catalogue/digest.ts";
import { memberOpener } from "../../src/mongo/connect.ts";
import type { WithMember } from "../../src/mongo/members.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";

/** Opens a member of the shared set. */
export const withMember: WithMember = (host, act) =>
  memberOpener(inject("mongoUrl"), "test")(host, act);

export const never: AbortSignal = new AbortController().signal;

/** A database into which a test loads documents, and with what. */
export function targetIn(client: MongoClient, databaseName: string) {
  return {
    ...{ client, databaseName, signal: never },
    ...{ faultPoints: noFaults, clock: systemClock, log: silentLog },
  };
}

/** A database of its own with its control database, and a folder for copies. */
export interface Setting {
  readonly client: MongoClient;
  readonly name: string;
  readonly control: { readonly client: MongoClient; readonly databaseName: string };
  readonly folder: string;
  /** Raises the fence to the epoch, as a new master does. */
  master(epoch: number): Promise<Mastership>;
}

export async function createSetting(own?: MongoClient): Promise<Setting> {
  const client = own ?? (await openClient());
  const name = freshDatabaseName();
  const folder = await mkdtemp(join(tmpdir(), "lockstep-copy-"));
  const control = { client, databaseName: `lockstep_${name}` };
  const fences = client.db(control.databaseName).collection<{ _id: string }>("fences");
  onTestFinished(async () => {
    if (!own) {
      await client.db(name).dropDatabase();
      await client.db(control.databaseName).dropDatabase();
    }
    await rm(folder, { recursive: true, force: true });
  });
  return {
    client,
    name,
    control,
    folder,
    async master(epoch) {
      await fences.updateOne(
        { _id: "master" },
        { $set: { epoch }, $inc: { sequence: 1 } },
        { upsert: true, writeConcern: { w: "majority" } },
      );
      return {
        epoch,
        signal: never,
        fence: {
          collection: "fences",
          id: "master",
          expect: { epoch },
          increment: { sequence: 1 },
        },
      };
    },
  };
}

/** Takes a copy of the database as it is now. */
export async function takeCopy(
  setting: Setting,
  directory = join(setting.folder, "copy"),
  client = setting.client,
): Promise<{
  manifest: Manifest;
  directory: string;
  catalogue: Awaited<ReturnType<typeof readCatalogue>>;
  digest: Awaited<ReturnType<typeof digestDatabase>>;
}> {
  const catalogue = await readCatalogue(setting.client, setting.name);
  const digest = await digestDatabase(setting.client, setting.name);
  const { control } = setting;
  const time = await chooseBackupTime({ control, faultPoints: noFaults });
  const manifest = await dumpDatabase({
    client,
    withMember,
    databaseName: setting.name,
    time,
    catalogue,
    digest,
    directory,
    backupId: "u000002",
    fleet: setting.control.databaseName,
    version: "1.0.0",
    faultPoints: noFaults,
    signal: never,
    log: silentLog,
  });
  return { manifest, directory, catalogue, digest };
}

/** A fault points that dies once, before or after the n-th durable write. */
export function dyingFaultPoints(
  at: number,
  when: "before" | "after",
): FaultPoints & { readonly writes: number } {
  let writes = 0;
  return {
    get writes() {
      return writes;
    },
    async write(_name, action) {
      writes += 1;
      if (writes === at && when === "before") throw new Error("killed here");
      const result = await action();
      if (writes === at && when === "after") throw new Error("killed here");
      return result;
    },
  };
}

/** A fault points that loses the answers of commits after they took effect, but never two of one name in a row. */
export function losingSeam(): FaultPoints & { readonly lost: ReadonlySet<string> } {
  const lost = new Set<string>();
  let last = "";
  return {
    lost,
    async write(name, action) {
      const result = await action();
      // A commit answers nothing. A definition has an answer, and is looked for in the catalogue.
      const isLost = result === undefined && name !== last;
      last = isLost ? name : "";
      if (!isLost) return result;
      lost.add(name);
      throw new MongoNetworkError("the answer is lost");
    },
  };
}

/** Options of a run of schema steps, for a holder at an epoch. */
export async function runOptions(
  setting: Setting,
  epoch: number,
  steps: SchemaRunOptions["steps"],
  extra: Partial<SchemaRunOptions> = {},
): Promise<SchemaRunOptions> {
  return {
    client: setting.client,
    withMember,
    databaseName: setting.name,
    control: setting.control,
    mastership: await setting.master(epoch),
    steps,
    upgradeId: "u000002",
    now: new Date(0),
    clock: systemClock,
    progressField: "progress",
    holder: `a${epoch}:1`,
    isDead: async () => false,
    signal: never,
    faultPoints: noFaults,
    log: silentLog,
    ...extra,
  };
}
