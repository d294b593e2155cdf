// Aim: a copy may take longer than the servers keep history; what is changed for it is put back, whoever dies, and what
// an operator has set since stays. Method: a real set with a window of one second; a fault points that dies at each durable
// write, or that holds a dump until the moment of the copy is out of the window.
import { type Document, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { createBackup } from "../../../src/database/backup/backup.ts";
import {
  historySecondsNeeded,
  holdHistory,
  holdingHistory,
  readWindowSeconds,
  releaseHistory,
  requireHistory,
} from "../../../src/database/history/history.ts";
import { historyPlan } from "../../../src/database/history/history-record.ts";
import { type ReplicaSet, startReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { memberOpener } from "../../../src/mongo/connect.ts";
import { storageMembers, type WithMember } from "../../../src/mongo/members.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { startSecureSet } from "../../support/secure.ts";
import { until } from "../../support/until.ts";
import { createSetting, dyingFaultPoints, never } from "../setting.ts";

const always = async () => true;

let set: ReplicaSet;
let client: MongoClient;
beforeAll(async () => {
  set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  client = new MongoClient(set.url());
  // A hidden member is a good one to read a copy from.
  const primary = await set.primary();
  const { config } = await client.db("admin").command({ replSetGetConfig: 1 });
  const hidden = (config.members as Document[]).findLast(({ host }) => host !== primary.host);
  Object.assign(hidden ?? {}, { priority: 0, hidden: true });
  const replSetReconfig = { ...config, version: config.version + 1 };
  await client.db("admin").command({ replSetReconfig });
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
});

/** Every member keeps history for one second, and nobody holds it. */
async function startHistory() {
  const setting = await createSetting(client);
  const withMember = memberOpener(set.url(), "test");
  const hosts = await storageMembers(client);
  const setWindow = (host: string, seconds: number) =>
    withMember(host, (member) =>
      member.db("admin").command({ setParameter: 1, minSnapshotHistoryWindowInSeconds: seconds }),
    );
  const windows = () => Promise.all(hosts.map((host) => withMember(host, readWindowSeconds)));
  for (const host of hosts) await setWindow(host, 1);
  const records = client.db("lockstep").collection<{ _id: string }>("fences");
  const record = () => records.findOne({ _id: "history" });
  const history = {
    ...{ client, control: setting.control, withMember, log: silentLog, faultPoints: noFaults },
    clock: systemClock,
    ...{ mastership: await setting.master(1), signal: never },
  };
  return { setting, withMember, hosts, setWindow, windows, records, record, history };
}

/** A member that refuses to set parameters, as one does whose user may not. */
function unwilling(withMember: WithMember): WithMember {
  return (host, act) =>
    withMember(host, (member) => {
      const db = member.db.bind(member);
      const command = async (asked: Document) => {
        if (asked["setParameter"]) throw new Error("not authorized");
        return db("admin").command(asked);
      };
      return act({ db: () => ({ command }) } as unknown as MongoClient);
    });
}

test("what one member is set to: pure", () => {
  const upgrade = { holder: "u", seconds: 300, untilMs: null };
  const over = { holder: "hand", seconds: 900, untilMs: 99 };
  const member = { host: "h", previous: 1, values: [300] };
  const plan = (holders: (typeof upgrade | typeof over)[], members: object[], current: number) =>
    historyPlan({ holders, members: members as never, nowMs: 100 }, "h", current, null);
  expect(plan([upgrade, over], [], 1)).toEqual({ kind: "raise", value: 300 });
  expect(plan([upgrade], [member], 300)).toEqual({ kind: "nothing" });
  expect(plan([upgrade], [], 400)).toEqual({ kind: "nothing" });
  expect(plan([over], [member], 300)).toEqual({ kind: "lower", to: 1 });
  expect(plan([], [member], 50)).toEqual({ kind: "lower", to: null });
  expect(plan([], [], 300)).toEqual({ kind: "nothing" });
  const none = { holders: [], members: [], nowMs: 0 };
  const mine = { previous: 1, value: 300 };
  expect(historyPlan(none, "h", 300, mine)).toEqual({ kind: "lower", to: 1 });
  expect(historyPlan(none, "h", 50, mine)).toEqual({ kind: "nothing" });
});

test("the seconds that a copy needs grow with the data, up to the deadline", () => {
  expect(historySecondsNeeded(0)).toBe(300);
  expect(historySecondsNeeded(1_000_000_000)).toBe(300);
  expect(historySecondsNeeded(5_000_000_000)).toBe(1_060);
  expect(historySecondsNeeded(40_000_000_000, 3_600)).toBe(3_600);
  expect(historySecondsNeeded(40_000_000_000, 10)).toBe(300);
  expect(historySecondsNeeded(1e15)).toBe(86_400);
});

test("held and put back, killed at each durable write; an operator's later value stays", async () => {
  const { hosts, setWindow, windows, records, record, history, withMember } = await startHistory();
  await setWindow(hosts[2] as string, 500);
  for (let at = 1; at <= 4; at += 1) {
    for (const when of ["before", "after"] as const) {
      const dying = () => ({ ...history, faultPoints: dyingFaultPoints(at, when) });
      await holdHistory(dying(), "first", 400).catch(() => {});
      await holdHistory(history, "first", 400);
      expect(await windows()).toEqual([400, 400, 500]);
      await releaseHistory(dying(), always).catch(() => {});
      await releaseHistory(history, always);
      expect(await windows()).toEqual([1, 1, 500]);
      expect(await record()).toMatchObject({ holders: [], members: [] });
    }
  }
  // A later moment needs more: what was there at first is what comes back.
  await holdHistory(history, "first", 400);
  await holdHistory(history, "second", 600);
  expect(await windows()).toEqual([600, 600, 600]);
  await releaseHistory(history, async () => false);
  expect(await windows()).toEqual([600, 600, 600]);
  await setWindow(hosts[1] as string, 77);
  await releaseHistory(history, always);
  expect(await windows()).toEqual([1, 77, 500]);

  // Away: the others need not wait for it. Taken out of the set: nobody waits for it.
  await holdHistory(history, "third", 400);
  const gone = { $push: { members: { host: "gone.invalid:1", previous: 1, values: [400] } } };
  await records.updateOne({ _id: "history" }, gone as Document);
  const oneAway: WithMember = (host, act) =>
    host === hosts[0] ? Promise.reject(new Error("away")) : withMember(host, act);
  const late = releaseHistory({ ...history, withMember: oneAway }, always);
  await expect(late).rejects.toThrow("away");
  expect(await windows()).toEqual([400, 77, 500]);
  await releaseHistory(history, always);
  expect(await windows()).toEqual([1, 77, 500]);
  expect(await record()).toMatchObject({ holders: [], members: [] });

  // Between what is written down and what is set, the upgrade ends.
  const overtaken: WithMember = (host, act) =>
    withMember(host, (member) => {
      const db = member.db.bind(member);
      const command = async (asked: Document) => {
        if (asked["minSnapshotHistoryWindowInSeconds"] === 450) {
          await releaseHistory(history, always);
        }
        return db("admin").command(asked);
      };
      return act({ db: () => ({ command }) } as unknown as MongoClient);
    });
  await holdHistory({ ...history, withMember: overtaken }, "fourth", 450);
  expect(await windows()).toEqual([1, 77, 500]);

  // A backup by hand that died: whoever comes next puts its values back.
  await holdHistory(history, "fifth", 400);
  const dead = { holder: "lockstep_another/hand-dead", seconds: 400, untilMs: 1 };
  await records.updateOne({ _id: "history" }, { $set: { holders: [dead] } });
  await releaseHistory(history, always);
  expect(await windows()).toEqual([1, 77, 500]);
});

describe("a second hold keeps its window when the first one ends", () => {
  const upgradeId = "an upgrade";
  const byHand = "a backup by hand";
  test.each([
    [upgradeId, byHand, 400, 400],
    [upgradeId, byHand, 400, 300],
    [byHand, upgradeId, 400, 400],
    [byHand, byHand, 400, 400],
    [byHand, byHand, 300, 400],
    ["another fleet's upgrade", upgradeId, 400, 400],
    ["another fleet's upgrade", byHand, 400, 300],
  ])("%s, then %s: %i s and %i s", async (first, second, firstSeconds, secondSeconds) => {
    const { windows, record, history } = await startHistory();
    const other = { ...history, ...(await startHistory()).history };
    const highest = Math.max(firstSeconds, secondSeconds);
    /** Begins a hold; answers with what ends it. */
    const begin = async (kind: string, seconds: number) => {
      const own = kind.startsWith("another") ? other : history;
      if (kind !== byHand) {
        await holdHistory(own, "u000002/3/0", seconds);
        return () => releaseHistory(own, always);
      }
      let end = () => {};
      const held = new Promise<void>((resolve) => {
        end = resolve;
      });
      let whole: Promise<void> = Promise.resolve();
      await new Promise<void>((begun) => {
        whole = holdingHistory(own, seconds, async () => {
          begun();
          await held;
        });
      });
      return async () => {
        end();
        await whole;
      };
    };
    const endFirst = await begin(first, firstSeconds);
    const endSecond = await begin(second, secondSeconds);
    expect(await windows()).toEqual([highest, highest, highest]);
    await endFirst();
    for (const seconds of await windows()) expect(seconds).toBeGreaterThanOrEqual(secondSeconds);
    await endSecond();
    expect(await windows()).toEqual([1, 1, 1]);
    expect(await record()).toMatchObject({ holders: [], members: [] });
  });

  test("what an operator has set long enough is held by nobody, and stays", async () => {
    const { hosts, setWindow, windows, history } = await startHistory();
    for (const host of hosts) await setWindow(host, 900);
    await holdHistory(history, "u000002/3/0", 400);
    await releaseHistory(history, always);
    expect(await windows()).toEqual([900, 900, 900]);
  });
});

describe("a dump that is slower than the servers' history", () => {
  /** Holds the first collection that is dumped until its moment is long out of a window of one second. */
  const slow = (client: MongoClient): FaultPoints => ({
    async write(name, action) {
      if (name !== "dump-collection") return action();
      const now = async () => {
        const { localTime } = await client.db("admin").command({ hello: 1 });
        return (localTime as Date).getTime();
      };
      const beganMs = await now();
      await until("the moment to be out of the window", async () => {
        await client
          .db("elsewhere")
          .collection("busy")
          .insertOne({}, { writeConcern: { w: "majority" } });
        return (await now()) > beganMs + 6_000;
      });
      return action();
    },
  });
  const backup = async (
    world: Awaited<ReturnType<typeof startHistory>>,
    withMember: WithMember,
  ) => {
    const { setting } = world;
    const things = client.db(setting.name).collection("things");
    await things.insertMany(Array.from({ length: 20 }, (_, index) => ({ index })));
    return createBackup({
      ...{ client, withMember, databaseName: setting.name, control: setting.control },
      ...{ root: setting.folder, backupId: "b", version: "1.0.0", faultPoints: slow(client) },
      ...{ purpose: "a test", clock: systemClock, signal: never, log: silentLog },
    });
  };

  test("by hand: every member keeps its history until it is read, and no longer", async () => {
    const world = await startHistory();
    const manifest = await backup(world, world.withMember);
    expect(manifest.collections).toMatchObject([{ name: "things", documents: 20 }]);
    expect(await world.windows()).toEqual([1, 1, 1]);
    expect(await world.record()).toMatchObject({ holders: [], members: [] });
  });

  test("where they may not be set: the reason names the member and its window", async () => {
    const world = await startHistory();
    const error = await backup(world, unwilling(world.withMember)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "moment-gone",
      message: expect.stringMatching(/longer than \S+:\d+ keeps history, 1 s/),
      details: { short: world.hosts.map((host) => ({ host, seconds: 1 })) },
    });
  });
});

test("a user who may set no parameter: what is too large is refused with the figures, the rest is warned of", async () => {
  const secure = await startSecureSet();
  onTestFinished(() => secure.stop());
  const root = new MongoClient(secure.url());
  onTestFinished(() => root.close());
  const roles = ["readWriteAnyDatabase", "clusterMonitor"];
  await root.db("admin").command({ createUser: "few", pwd: "few", roles });
  const url = secure.url().replace(/\/\/[^@]*@/, "//few:few@");
  const client = new MongoClient(url);
  onTestFinished(() => client.close());
  const asked = { client, withMember: memberOpener(url, "test") };
  expect(await requireHistory(asked, 0)).toBeNull();
  expect(await requireHistory(asked, 2_000_000_000)).toContain("(300 s)");
  await expect(requireHistory(asked, 40_000_000_000)).rejects.toMatchObject({
    code: "database-not-supported",
    message: expect.stringContaining("(300 s)"),
    details: { likelySeconds: 572, neededSeconds: 8_060 },
  });
  expect(await requireHistory({ ...asked, client: root }, 40_000_000_000)).toBeNull();
});
