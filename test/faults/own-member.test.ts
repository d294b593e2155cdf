// Aim: an upgrade is refused, with every gate open, while a state server's own member has no copy to give; and
// a member that goes that way later costs no gate-shut time. Method: a fleet of real processes, each with a
// member of its own; a secondary is put into RECOVERING.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
let secondary: MongoClient;
beforeAll(async () => {
  fleet = await startTestFleet({
    memberUrl: (set, number) => set.members[number - 1]?.directUrl,
  });
  const primary = await fleet.set.primary();
  const member = fleet.set.members.find((candidate) => candidate !== primary);
  secondary = new MongoClient(member?.directUrl ?? "");
});
afterAll(async () => {
  await secondary?.close();
  await fleet?.stop();
});

const maintain = (on: boolean) => secondary.db("admin").command({ replSetMaintenance: on });
const troubles = async () => {
  const agents = await fleet.client.db("lockstep_things").collection("agents").find().toArray();
  return agents.flatMap(({ memberTrouble }) => (memberTrouble === null ? [] : [memberTrouble]));
};

test("RECOVERING: refused with all gates open; RECOVERING later: the set is read from", async () => {
  await maintain(true);
  await fleet.until("the agent's own word", async () => (await troubles()).length === 1);
  await expect(fleet.fleet.upgrade("1.1.0")).rejects.toMatchObject({
    code: "peers-missing",
    message: expect.stringMatching(/a\d: RECOVERING/),
  });
  const { agents, upgrade: none } = await fleet.fleet.status();
  expect([none, agents.map(({ gate }) => gate)]).toEqual([null, ["open", "open", "open"]]);
  await maintain(false);
  await fleet.until("nothing to say", async () => (await troubles()).length === 0);

  await fleet.hold("backup-time");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("backup-time");
  await maintain(true);
  await fleet.release("backup-time");
  await fleet.ended(upgradeId, "done", "1.1.0");
  await maintain(false);
});

test("delayed by a later configuration: an agent that restarts within an upgrade comes up, and reads from the set", async () => {
  const { members } = fleet.set;
  const primary = await fleet.set.primary();
  const number = members.findIndex((member) => member !== primary);
  const delay = async (seconds: number) => {
    const admin = fleet.client.db("admin");
    const { config } = await admin.command({ replSetGetConfig: 1 });
    Object.assign(config.members[number], { secondaryDelaySecs: seconds });
    config.members[number].priority = seconds > 0 ? 0 : 1;
    await admin.command({ replSetReconfig: { ...config, version: config.version + 1 } });
  };
  await fleet.until("nothing to say", async () => (await troubles()).length === 0);
  await fleet.hold("backup-time");
  const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
  await fleet.reached("backup-time");
  await delay(3_600);
  const agent = `a${number + 1}`;
  const pid = await fleet.pidOf(agent);
  process.kill(pid, "SIGKILL");
  await fleet.release("backup-time");
  await fleet.until("another process of it", async () => {
    const now = await fleet.pidOf(agent);
    return now !== pid && now !== 0;
  });
  await fleet.ended(upgradeId, "done", "1.2.0");
  await delay(0);
});
