// Aim: a right that any part of an upgrade needs, forward or back, is asked for before anything is accepted: no gate is
// shut for one that would be found missing later. Method: a fleet of real processes on a set with users, whose role
// is made of the rights that are needed, without one of them.
import { resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NeededRight, neededRights } from "../../src/mongo/requirements/needed-rights.ts";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { secureWith } from "../support/secure.ts";

const names = {
  databaseName: "things",
  controlDatabaseName: "lockstep_things",
  timeSeries: [],
  hasViews: false,
};
const needed = neededRights("upgrade", names);
const required = needed.filter(({ isOptional }) => !isOptional);

let fleet: TestFleet;
let root: MongoClient;
beforeAll(async () => {
  fleet = await startTestFleet({
    secure: secureWith(),
    async createUser(keeper) {
      const find = ["things", "elsewhere"].map((db) => ({
        ...{ resource: { db, collection: "" }, actions: ["find"] },
      }));
      await keeper.db("admin").command({ createRole: "reader", roles: [], privileges: find });
      const user = { createUser: "reader", pwd: "secret", roles: ["reader"] };
      await keeper.db("admin").command({ ...user, writeConcern: { w: "majority" } });
      return { username: "keeper", password: "secret" };
    },
    // Its own member is read as another user.
    memberUrl: (set, number) =>
      number === 3
        ? `${set.members[2]?.directUrl.replace("//", "//reader:secret@")}&authSource=admin`
        : undefined,
  });
  const admin = fleet.client.db("admin");
  await admin.command({ createUser: "root", pwd: "secret", roles: ["root"] });
  root = new MongoClient(fleet.set.url("things").replace("keeper:", "root:"));
  await root.db("things").createCollection("seen", { viewOn: "items", pipeline: [] });
  await root.db("admin").command({ createRole: "agent", roles: [], privileges: [] });
});
afterAll(async () => {
  await root?.close();
  await fleet?.stop();
});

/** The rights but one action; on one database where one is named. */
const without = (action: string, db?: string): readonly NeededRight[] =>
  required.map((right) =>
    db === undefined || right.resource.db === db
      ? { ...right, actions: right.actions.filter((each) => each !== action) }
      : right,
  );

async function grant(rights: readonly NeededRight[]): Promise<void> {
  const admin = root.db("admin");
  const privileges = rights
    .filter(({ actions }) => actions.length > 0)
    .map(({ resource, actions }) => ({ resource, actions }));
  await admin.command({ updateRole: "agent", privileges });
  await admin.command({ updateUser: "keeper", roles: ["agent"] });
}

/** The rights that each state server reports of its user. */
const told = () =>
  root
    .db("lockstep_things")
    .collection("agents")
    .find()
    .map(({ rights }) => rights)
    .toArray();

const gates = async () => (await fleet.fleet.status()).agents.map(({ gate }) => gate);
const wereShut = async () => {
  const lines = await Promise.all(fleet.servers.map((server) => server.lastLines(100_000)));
  return lines.flat().filter((line) => line.includes("gate shut")).length;
};

describe("one right is missing", () => {
  test.each([
    ["changeStream", "things", 'changeStream on the database "things"'],
    ["collMod", "things", 'collMod on the database "things"'],
    ["collStats", "things", 'collStats on the database "things"'],
    ["bypassDocumentValidation", "things", 'bypassDocumentValidation on the database "things"'],
    ["dbHash", "things", 'dbHash on the database "things"'],
    ["createCollection", "lockstep_things_scratch_3", 'the database "lockstep_things_scratch_3"'],
    ["inprog", undefined, "inprog on the cluster"],
    ["getParameter", undefined, "getParameter on the cluster"],
    ["hostInfo", undefined, "hostInfo on the cluster"],
  ])("%s on %s: refused by name, and no gate was shut", async (action, db, words) => {
    await grant(without(action, db));
    const before = await wereShut();
    const refusal = await fleet.fleet.upgrade("1.1.0").catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "rights-missing",
      message: expect.stringMatching(/missing for a\d/),
    });
    expect(String((refusal as Error).message)).toContain(words);
    expect(await gates()).toEqual(["open", "open", "open"]);
    expect(await wereShut()).toBe(before);
    expect(await fleet.fleet.history()).toEqual([]);
    const status = await fleet.fleet.status();
    expect(status.versions?.upgradeId).toBeNull();
    await fleet.until("each state server says what its user lacks", async () =>
      (await told()).every((rights) => rights?.missing.includes(words)),
    );
  });

  test("find, for the user of one agent's memberUrl: refused by name, and no gate was shut", async () => {
    await grant(required);
    const before = await wereShut();
    const revoke = async (privileges: object[]) => {
      await root.db("admin").command({ updateRole: "reader", privileges });
    };
    await revoke([{ resource: { db: "elsewhere", collection: "" }, actions: ["find"] }]);
    const words = 'the user of its memberUrl: find on the database "things"';
    await fleet.until("that agent alone says what its other user lacks", async () => {
      const missing = (await told()).map((rights) => rights?.missing ?? "unknown");
      return missing.toSorted().join("/").startsWith(`//${words}`);
    });
    await expect(fleet.fleet.upgrade("1.1.0")).rejects.toMatchObject({
      code: "rights-missing",
      message: expect.stringContaining(`missing for a3: ${words}`),
    });
    expect(await wereShut()).toBe(before);
    await revoke([{ resource: { db: "things", collection: "" }, actions: ["find"] }]);
  });

  test("by hand: a backup, a rehearsal, a restore and `init` ask for theirs first", async () => {
    const main = resolve("dist/src/cli/main.js");
    const ask = async (...words: readonly string[]) => {
      const url = fleet.set.url("things");
      const ran = await runCommand(process.execPath, [main, ...words, "--mongo-url", url], {
        timeoutMs: 60_000,
      });
      return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
    };
    const directory = ["--directory", fleet.directoryOf("a1")];
    await grant(without("dbHash", "lockstep_things_scratch_4"));
    const steps = ["--steps", resolve("dist/test/fixtures/application.js")];
    for (const command of [
      ["backup", "create", "by-hand", ...directory],
      ["rehearse", "1.1.0", ...directory, ...steps],
    ]) {
      const { code, text } = await ask(...command);
      expect({ code, text }).toMatchObject({ code: 1 });
      expect(text).toContain("rights-missing: expected the user of the URL");
      expect(text).toContain('dbHash on the database "lockstep_things_scratch_4"');
    }
    const restored = await ask("restore", "by-hand", "--to-db", "beside", ...directory);
    expect(restored.text).toMatch(/rights-missing: .*insert, .* on the database "beside"/);
    await grant(required);
    for (const command of [
      ["backup", "create", "by-hand", ...directory],
      ["rehearse", "1.1.0", ...directory, ...steps],
    ]) {
      const { text } = await ask(...command);
      expect(text).toMatch(/notice: .*find on the collection "things\.system\.views"/);
    }
    await grant(without("createIndex", "lockstep"));
    const init = await ask("init", "1.0.0");
    expect(init.text).toMatch(/rights-missing: .*createIndex on the database "lockstep"/);
  });
});

test("what is needed is enough: an upgrade, and a way back with a restore", async () => {
  await grant(required);
  const views = 'find on the collection "things.system.views"';
  await fleet.until("nobody lacks anything but the views' definitions", async () =>
    (await told()).every((rights) => rights?.missing === "" && rights.optional.includes(views)),
  );
  const shutBefore = await wereShut();
  const { upgradeId, message } = await fleet.fleet.upgrade("1.1.0");
  expect(message).toContain("killAnySession");
  expect(message).toContain(views);
  await fleet.ended(upgradeId, "done", "1.1.0");
  expect(await wereShut()).toBeGreaterThan(shutBefore);
  const second = await fleet.fleet.upgrade("1.2.1");
  await fleet.turnedBack(second.upgradeId, "step-failed", "1.1.0");
});
