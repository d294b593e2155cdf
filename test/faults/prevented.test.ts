// Aim: where an operator asked for it, nobody outside the fleet can write from the copies to the end, and
// everybody can afterwards, whatever the end was and whoever died. Method: a fleet of real processes on a
// set with users; somebody with the role readWrite tries.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { secureWith } from "../support/secure.ts";

const user = { username: "somebody", password: "else" };
let fleet: TestFleet;
let somebody: MongoClient;
beforeAll(async () => {
  fleet = await startTestFleet({
    preventForeignWrites: true,
    secure: secureWith({ password: "of the set" }),
  });
  const roles = [{ role: "readWrite", db: "things" }];
  const create = { createUser: user.username, pwd: user.password, roles };
  await fleet.client.db("admin").command({ ...create, writeConcern: { w: "majority" } });
  const url = fleet.set.url("things").replace(/\/\/[^@]*@/, "//");
  somebody = new MongoClient(url, { auth: user, authSource: "admin", retryWrites: false });
  await somebody.connect();
});
afterAll(async () => {
  await somebody?.close();
  await fleet?.stop();
});

/** The server's answer to a write from outside: 371 is "user writes blocked". */
const attempt = () =>
  somebody
    .db("things")
    .collection("items")
    .insertOne({ tried: true })
    .then(
      () => "written",
      (error: { code?: number }) => error.code,
    );

test("shut out while it migrates, also by a successor; let in when it is done", async () => {
  expect(await attempt()).toBe("written");
  await fleet.hold("progress-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("progress-batch");
  expect(await attempt()).toBe(371);
  const { upgrade: during } = await fleet.fleet.status();
  expect(during?.foreignWrites).toBe("prevented");
  await expect(fleet.fleet.allowWrites()).rejects.toMatchObject({ code: "upgrade-active" });
  const { master } = await fleet.fleet.status();
  process.kill(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
  await fleet.release("progress-batch");
  await fleet.ended(upgradeId, "done", "1.1.0");
  expect(await attempt()).toBe("written");
  expect(await fleet.fleet.allowWrites()).toBe(false);
});

test("let in after a roll-back with a restore", async () => {
  await fleet.hold("restore-swap");
  const { upgradeId } = await fleet.fleet.upgrade("1.2.1");
  await fleet.reached("restore-swap");
  expect(await attempt()).toBe(371);
  await fleet.release("restore-swap");
  await fleet.turnedBack(upgradeId, "step-failed", "1.1.0");
  expect(await attempt()).toBe("written");
});

test("an operator lets them in where nobody is left to do it", async () => {
  await fleet.hold("progress-batch");
  await fleet.fleet.upgrade("1.2.0");
  await fleet.reached("progress-batch");
  for (const server of fleet.servers) await server.stop();
  expect(await attempt()).toBe(371);
  expect(await fleet.fleet.allowWrites({ force: true })).toBe(true);
  expect(await attempt()).toBe("written");
});
