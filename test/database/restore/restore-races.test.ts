// Aim: of two restores into one new database one ends, the other touches nothing: no restore loads over, or drops,
// what it has not created itself. Method: the real set; a restore is held at a durable write, another one ends
// meanwhile, a user writes, and the held one goes on. One that is held does not renew its claim, as a stopped
// process does not.
import { describe, expect, onTestFinished, test } from "vitest";
import { verifyDump } from "../../../src/database/backup/dump/verify-dump.ts";
import {
  type RestoreBesideOptions,
  restoreBeside,
} from "../../../src/database/restore/restore-beside.ts";
import { isLockstepError, messageOf } from "../../../src/errors.ts";
import { silentLog } from "../../../src/log.ts";
import { differences, readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { holdingFaultPoints, stoppedClock } from "../../support/holding-fault-points.ts";
import { createSetting, never, type Setting, takeCopy, withMember } from "../setting.ts";

interface Stage {
  readonly setting: Setting;
  readonly target: string;
  restore(extra?: Partial<RestoreBesideOptions>): Promise<unknown>;
  /** The claim on the target as a text, or null. */
  claim(): Promise<Record<string, unknown> | null>;
  /** The claim's lease runs out. */
  expire(): Promise<void>;
  /** The target is what was backed up, beside a user's own collection. */
  expectRestored(): Promise<void>;
}

async function createStage(fill: (setting: Setting) => Promise<void> = oneOfEach): Promise<Stage> {
  const setting = await createSetting();
  const { client, name } = setting;
  await fill(setting);
  const { directory, catalogue, digest } = await takeCopy(setting);
  const manifest = await verifyDump(directory);
  const target = `${name}_Target`;
  const claims = client.db("lockstep").collection<{ _id: string }>("claims");
  const key = { _id: target.toLowerCase() };
  onTestFinished(async () => {
    await client.db(target).dropDatabase();
    await claims.deleteOne(key);
  });
  return {
    setting,
    target,
    restore: (extra = {}) =>
      restoreBeside({
        ...{ client, withMember, databaseName: target, fleet: setting.control.databaseName },
        ...{
          directory,
          manifest,
          dryRun: false,
          signal: never,
          faultPoints: noFaults,
          log: silentLog,
        },
        clock: systemClock,
        ...extra,
      }),
    claim: () => claims.findOne(key),
    async expire() {
      await claims.updateOne(key, { $set: { expiresAt: 0 } });
    },
    async expectRestored() {
      const { users, ...rest } = await digestDatabase(client, target);
      expect([rest, users?.count]).toEqual([digest, 1]);
      const live = await readCatalogue(client, target);
      const collections = live.collections.filter((entry) => entry.name !== "users");
      expect(differences(catalogue, { collections }, { ignoreUuid: true })).toEqual([]);
    },
  };
}

const outcomeOf = (restoring: Promise<unknown>) =>
  restoring.then(
    () => "restored",
    (error: unknown) => (isLockstepError(error) ? error.code : messageOf(error)),
  );

/** One of each kind, small: where a restore is held does not depend on more. */
const oneOfEach = async ({ client, name }: Setting) => {
  const database = client.db(name);
  const rows = Array.from({ length: 100 }, (_, n) => ({ n, at: new Date() }));
  await database.collection("things").insertMany(rows);
  await database.collection("things").createIndex({ at: 1 }, { expireAfterSeconds: 86_400 });
  await database.createCollection("measured", { timeseries: { timeField: "at" } });
  await database.collection("measured").insertMany(rows.slice(0, 10));
  await database.createCollection("seen", { viewOn: "things", pipeline: [] });
};

const fewThings = async ({ client, name }: Setting) => {
  const rows = Array.from({ length: 500 }, (_, n) => ({ n }));
  await client.db(name).collection("things").insertMany(rows);
  await client.db(name).collection("things").createIndex({ n: 1 }, { name: "by-n" });
};

describe("two restores into one new database", () => {
  test("the second, held between its look at the names and its claim, is refused; what was written since stays", async () => {
    const stage = await createStage(fewThings);
    const held = holdingFaultPoints("claim");
    const second = outcomeOf(stage.restore({ faultPoints: held.faultPoints }));
    await held.reached;
    await stage.restore();
    await stage.setting.client.db(stage.target).collection("users").insertOne({ name: "Ada" });
    held.release();
    expect(await second).toBe("bad-argument");
    await stage.expectRestored();
    expect(await stage.claim()).toBeNull();
  });

  test("the second is refused while the first one loads, by its owner's name; names in another case are one", async () => {
    const stage = await createStage(fewThings);
    const held = holdingFaultPoints("load-batch");
    const first = outcomeOf(stage.restore({ faultPoints: held.faultPoints }));
    await held.reached;
    for (const databaseName of [stage.target, stage.target.toUpperCase()]) {
      for (const dryRun of [false, true]) {
        await expect(stage.restore({ databaseName, dryRun })).rejects.toMatchObject({
          code: "bad-argument",
          message: expect.stringMatching(new RegExp(`process ${process.pid} on .* for a restore`)),
        });
      }
    }
    held.release();
    expect(await first).toBe("restored");
    await stage.setting.client.db(stage.target).collection("users").insertOne({ name: "Ada" });
    await stage.expectRestored();
  });

  test("at once, ten times: one is done, the other refused", async () => {
    const stage = await createStage(fewThings);
    const { client } = stage.setting;
    for (let round = 1; round <= 10; round += 1) {
      const both = [stage.restore(), stage.restore()].map(outcomeOf);
      expect((await Promise.all(both)).toSorted(), `${round}`).toEqual([
        "bad-argument",
        "restored",
      ]);
      await client.db(stage.target).dropDatabase();
    }
  });
});

describe("a restore that stands still past its claim, and another that takes it over", () => {
  test.each([
    ["claim", "inside"],
    ["load-create", "before"],
    ["load-create", "inside"],
    ["load-batch", "before"],
    ["load-batch", "inside"],
    ["load-indexes", "before"],
    ["load-indexes", "inside"],
    ["load-expiry", "before"],
    ["load-expiry", "inside"],
    ["restore-hand-over", "before"],
  ] as const)(
    "held at %s, %s it: the other ends, the first then fails and touches nothing",
    async (write, when) => {
      const stage = await createStage();
      const held = holdingFaultPoints(write, when);
      const first = outcomeOf(
        stage.restore({ faultPoints: held.faultPoints, clock: stoppedClock }),
      );
      await held.reached;
      await stage.expire();
      expect(await outcomeOf(stage.restore())).toBe("restored");
      await stage.setting.client.db(stage.target).collection("users").insertOne({ name: "Ada" });
      held.release();
      // It says that the claim is another's, and blames neither the backup nor the server.
      expect(await first).toBe(write === "claim" ? "bad-argument" : "conflict");
      await stage.expectRestored();
      expect(await stage.claim()).toBeNull();
    },
  );

  test("held as it drops what it had created: what the other has restored since stays", async () => {
    const stage = await createStage(fewThings);
    const held = holdingFaultPoints("claim-drop");
    const failing: FaultPoints = {
      write(name, action) {
        if (name === "load-indexes") throw new Error("no index today");
        return held.faultPoints.write(name, action);
      },
    };
    const first = outcomeOf(stage.restore({ faultPoints: failing, clock: stoppedClock }));
    await held.reached;
    await stage.expire();
    expect(await outcomeOf(stage.restore())).toBe("restored");
    await stage.setting.client.db(stage.target).collection("users").insertOne({ name: "Ada" });
    held.release();
    expect(await first).toBe("no index today");
    await stage.expectRestored();
  });
});

describe("a restore that died once all was proven: the database is the user's", () => {
  const writes = [
    ["restore-hand-over", "inside"],
    ["claim-release", "before"],
  ] as const;

  test.each(writes)(
    "at %s, %s it: the next one is refused, nothing is lost",
    async (write, when) => {
      const stage = await createStage(fewThings);
      const held = holdingFaultPoints(write, when);
      const first = outcomeOf(
        stage.restore({ faultPoints: held.faultPoints, clock: stoppedClock }),
      );
      await held.reached;
      const { client } = stage.setting;
      await client.db(stage.target).collection("users").insertOne({ name: "Ada" });
      await client.db(stage.target).collection("things").insertOne({ n: "since" });
      const before = await digestDatabase(client, stage.target);
      await stage.expire();
      for (const dryRun of [true, false]) {
        await expect(stage.restore({ dryRun })).rejects.toMatchObject({
          code: "bad-argument",
          message: expect.stringContaining(`"${stage.target}" exists`),
        });
      }
      expect(await digestDatabase(client, stage.target)).toEqual(before);
      held.release();
      expect(await first).toBe("restored");
      expect(await digestDatabase(client, stage.target)).toEqual(before);
      expect(await stage.claim()).toBeNull();
    },
  );

  test.each(["restore-hand-over", "claim-release"])(
    "where the answer of %s is lost, or it fails, the restore is done",
    async (write) => {
      const stage = await createStage(fewThings);
      const faultPoints: FaultPoints = {
        async write(name, action) {
          if (name === write && name === "claim-release") throw new Error("no answer");
          const result = await action();
          if (name === write) throw new Error("no answer");
          return result;
        },
      };
      expect(await outcomeOf(stage.restore({ faultPoints }))).toBe("restored");
      await stage.setting.client.db(stage.target).collection("users").insertOne({ name: "Ada" });
      await stage.expectRestored();
    },
  );
});

describe("a restore drops only what it created", () => {
  test("a dry run sees what a restore that was cut short would leave, and the case of its name", async () => {
    const stage = await createStage(fewThings);
    const held = holdingFaultPoints("load-batch", "inside");
    void stage.restore({ faultPoints: held.faultPoints, clock: stoppedClock });
    await held.reached;
    await stage.expire();
    expect(await outcomeOf(stage.restore({ dryRun: true }))).toBe("restored");
    for (const dryRun of [true, false]) {
      const databaseName = stage.target.toLowerCase();
      await expect(stage.restore({ dryRun, databaseName })).rejects.toMatchObject({
        code: "bad-argument",
        message: expect.stringContaining(`restore into "${stage.target}"`),
      });
    }
    const users = stage.setting.client.db(stage.target).collection("users");
    await users.insertOne({ name: "Ada" });
    expect(await outcomeOf(stage.restore({ dryRun: true }))).toBe("bad-argument");
    await users.drop();
    expect(await outcomeOf(stage.restore())).toBe("restored");
  });

  test.each(["collection", "view", "time series"])(
    "somebody else's %s stays where it fails",
    async (kind) => {
      const stage = await createStage();
      const database = stage.setting.client.db(stage.target);
      const held = holdingFaultPoints("load-batch", "inside");
      const restoring = outcomeOf(stage.restore({ faultPoints: held.faultPoints }));
      await held.reached;
      if (kind === "view") await database.createCollection("theirs", { viewOn: "x", pipeline: [] });
      else if (kind === "collection") await database.collection("theirs").insertOne({ a: 1 });
      else {
        await database.createCollection("theirs", { timeseries: { timeField: "at" } });
        await database.collection("theirs").insertOne({ at: new Date(0) });
      }
      held.release();
      expect(await restoring).toBe("backup-mismatch");
      const { collections } = await readCatalogue(stage.setting.client, stage.target);
      expect(collections.map(({ name }) => name)).toEqual(["theirs"]);
      if (kind !== "view") expect(await database.collection("theirs").countDocuments()).toBe(1);
      expect(await stage.claim()).toBeNull();
    },
  );

  test("nothing is loaded over a collection that somebody creates meanwhile", async () => {
    const stage = await createStage(fewThings);
    const things = stage.setting.client.db(stage.target).collection("things");
    const held = holdingFaultPoints("load-create");
    const restoring = outcomeOf(stage.restore({ faultPoints: held.faultPoints }));
    await held.reached;
    await things.insertOne({ mine: true });
    held.release();
    expect(await restoring).toBe("restore-failed");
    expect(await things.find({}, { projection: { _id: 0 } }).toArray()).toEqual([{ mine: true }]);
  });

  test("one that was killed, and what a user put beside it: the next is refused, and that stays", async () => {
    const stage = await createStage(fewThings);
    const held = holdingFaultPoints("load-batch", "inside");
    void stage.restore({ faultPoints: held.faultPoints, clock: stoppedClock });
    await held.reached;
    await stage.expire();
    const users = stage.setting.client.db(stage.target).collection("users");
    await users.insertOne({ name: "Ada" });
    expect(await outcomeOf(stage.restore())).toBe("bad-argument");
    expect(await users.countDocuments()).toBe(1);
    await users.drop();
    expect(await outcomeOf(stage.restore())).toBe("restored");
  });
});

test("a copy is not loaded over one that is there", async () => {
  const stage = await createStage(fewThings);
  await stage.restore();
  const before = await digestDatabase(stage.setting.client, stage.target);
  expect(await outcomeOf(stage.restore())).toBe("bad-argument");
  expect(await digestDatabase(stage.setting.client, stage.target)).toEqual(before);
});
