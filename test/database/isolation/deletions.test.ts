// Aim: TTL deletion rests on every member for the time of an upgrade, and writers are shut out, and both end with
// it, whoever dies or wakes up late. Method: a real set; a fault points that dies at each durable write; ends in between.

import { type Document, MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { pauseDeletions, resumeDeletions } from "../../../src/database/isolation/ttl-hold.ts";
import {
  allowWrites,
  blockWrites,
  isSetBlocked,
} from "../../../src/database/isolation/write-block.ts";
import { startReplicaSet } from "../../../src/local/replica-set.ts";
import { silentLog } from "../../../src/log.ts";
import { memberOpener } from "../../../src/mongo/connect.ts";
import { sharedDatabaseName } from "../../../src/mongo/database-names.ts";
import type { WithMember } from "../../../src/mongo/members.ts";
import { dataMembers, memberUrl } from "../../../src/mongo/members.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { startSecureSet } from "../../support/secure.ts";
import { createSetting, dyingFaultPoints, never } from "../setting.ts";

const always = async () => true;

test("paused and resumed, killed at each durable write; what was off stays off", async () => {
  const set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  onTestFinished(() => set.stop());
  const client = new MongoClient(set.url());
  const setting = await createSetting(client);
  const withMember = memberOpener(set.url(), "test");
  const hosts = await dataMembers(client);
  expect(hosts.toSorted()).toEqual(set.members.map(({ host }) => host).toSorted());
  const states = () =>
    Promise.all(
      hosts.map((host) =>
        withMember(host, async (member) => {
          const found = await member.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 });
          return found["ttlMonitorEnabled"] as boolean;
        }),
      ),
    );
  await withMember(hosts[2] as string, (member) =>
    member.db("admin").command({ setParameter: 1, ttlMonitorEnabled: false }),
  );
  const options = {
    ...{ client, control: setting.control, withMember, log: silentLog, faultPoints: noFaults },
    clock: systemClock,
    ...{ mastership: await setting.master(1), signal: never },
  };
  for (let at = 1; at <= 4; at += 1) {
    for (const when of ["before", "after"] as const) {
      await pauseDeletions({ ...options, faultPoints: dyingFaultPoints(at, when) }, "u1");
      await pauseDeletions(options, "u1");
      expect(await states()).toEqual([false, false, false]);
      await resumeDeletions({ ...options, faultPoints: dyingFaultPoints(at, when) }, always).catch(
        () => {},
      );
      await resumeDeletions(options, always);
      expect(await states()).toEqual([true, true, false]);
    }
  }
  // Away: the others need not wait for it. Taken out of the set: nobody waits for it.
  await pauseDeletions(options, "u1");
  const fences = client.db(sharedDatabaseName).collection<{ _id: string }>("fences");
  const gone = { $push: { hosts: { $each: ["gone.invalid:1"], $position: 0 } } };
  await fences.updateOne({ _id: "deletions" }, gone as Document);
  const oneAway: WithMember = (host, act) =>
    host === hosts[0] ? Promise.reject(new Error("away")) : withMember(host, act);
  await expect(resumeDeletions({ ...options, withMember: oneAway }, always)).rejects.toThrow(
    "away",
  );
  expect(await states()).toEqual([false, true, false]);
  await resumeDeletions(options, always);
  expect(await states()).toEqual([true, true, false]);
  expect(await fences.findOne({ _id: "deletions" })).toMatchObject({ hosts: [], holders: [] });

  // Between what is written down and what is switched off, the upgrade ends.
  const block = { client, control: setting.control, faultPoints: noFaults };
  const lifting: WithMember = (host, act) =>
    withMember(host, (member) => {
      const db = member.db.bind(member);
      const command = async (asked: Document) => {
        if (asked["ttlMonitorEnabled"] === false) await resumeDeletions(options, always);
        return db("admin").command(asked);
      };
      return act({ db: () => ({ command }) } as unknown as MongoClient);
    });
  await pauseDeletions({ ...options, withMember: lifting }, "u1");
  expect(await states()).toEqual([true, true, false]);
  const blocking = {
    db: (name: string) => {
      const database = client.db(name);
      const command = async (asked: Document) => {
        if (asked["global"] === true) await allowWrites(block, always);
        return database.command(asked);
      };
      return { command, collection: database.collection.bind(database) };
    },
    startSession: () => client.startSession(),
  };
  await blockWrites({ ...options, client: blocking as unknown as MongoClient }, "u1");
  const mode = async () => {
    const { repl } = await client.db("admin").command({ serverStatus: 1 });
    return Number(repl?.userWriteBlockMode);
  };
  expect(await mode()).toBe(1);
  await blockWrites(options, "u1");
  expect(await mode()).toBe(2);
  expect(await allowWrites(block, always)).toBe(true);
  expect(await mode()).toBe(1);

  // Between what is switched on again and what is struck out, somebody late switches it off.
  await pauseDeletions(options, "u1");
  let late = 0;
  const overtaken: WithMember = (host, act) =>
    withMember(host, (member) => {
      const db = member.db.bind(member);
      const command = async (asked: Document) => {
        const answer = await db("admin").command(asked);
        if (asked["ttlMonitorEnabled"] === true && late++ === 0) {
          await db("admin").command({ setParameter: 1, ttlMonitorEnabled: false });
        }
        return answer;
      };
      return act({ db: () => ({ command }) } as unknown as MongoClient);
    });
  await resumeDeletions({ ...options, withMember: overtaken }, always);
  expect(await states()).toEqual([true, true, false]);
  await blockWrites(options, "u1");
  const records = client.db(setting.control.databaseName).collection<{ _id: string }>("fences");
  const deleteOne = async (...asked: Parameters<typeof records.deleteOne>) => {
    const answer = await records.deleteOne(...asked);
    await client.db("admin").command({ setUserWriteBlockMode: 1, global: true });
    return answer;
  };
  const collection = () => ({ findOne: records.findOne.bind(records), deleteOne });
  const overtakenClient = { db: () => ({ collection }) } as unknown as MongoClient;
  const control = { ...setting.control, client: overtakenClient };
  expect(await allowWrites({ ...block, control }, always)).toBe(true);
  expect(await mode()).toBe(1);

  // The next upgrade begins while the one before is let go: by another master, or by this one.
  for (const letGo of ["by another", "by this one"] as const) {
    await pauseDeletions(options, "u1");
    let began = false;
    const overtakenByNext: WithMember = (host, act) =>
      withMember(host, (member) => {
        const db = member.db.bind(member);
        const command = async (asked: Document) => {
          const begins = asked["ttlMonitorEnabled"] === true && !began;
          if (begins) began = true;
          if (begins && letGo === "by another") await resumeDeletions(options, always);
          if (begins && letGo === "by another") await pauseDeletions(options, "u2");
          const answer = await db("admin").command(asked);
          if (begins && letGo === "by this one") await pauseDeletions(options, "u2");
          return answer;
        };
        return act({ db: () => ({ command }) } as unknown as MongoClient);
      });
    await resumeDeletions({ ...options, withMember: overtakenByNext }, always);
    expect(await states(), letGo).toEqual([false, false, false]);
    await resumeDeletions(options, always);
    expect(await states()).toEqual([true, true, false]);
  }

  // The next upgrade has begun by then: it needs what is held, and lifts it.
  await pauseDeletions(options, "u1");
  await resumeDeletions(options, async () => false);
  expect(await states()).toEqual([false, false, false]);
  await resumeDeletions(options, always);
  await blockWrites(options, "u1");
  expect(await allowWrites(block, async () => false)).toBe(false);
  expect(await mode()).toBe(2);
  // It begins between the look and the deed, the one before having been let go by somebody else.
  let began = false;
  const command = async (asked: Document) => {
    if (asked["global"] === false && !began) {
      began = true;
      await allowWrites(block, always);
      await blockWrites(options, "u2");
    }
    return client.db("admin").command(asked);
  };
  const overtakenByNext = {
    db: (name: string) => ({
      command,
      collection: client.db(name).collection.bind(client.db(name)),
    }),
  } as unknown as MongoClient;
  expect(await allowWrites({ ...block, client: overtakenByNext }, always)).toBe(false);
  expect(await mode()).toBe(2);
  expect(await allowWrites(block, always)).toBe(true);

  // Another fleet of the set upgrades at the same time: the one that ends first leaves the other what it needs.
  const other = await createSetting(client);
  const others = { ...options, control: other.control, mastership: await other.master(1) };
  let switchedOn = 0;
  const counting: WithMember = (host, act) =>
    withMember(host, (member) => {
      const command = async (asked: Document) => {
        if (asked["ttlMonitorEnabled"] === true) switchedOn += 1;
        return member.db("admin").command(asked);
      };
      return act({ db: () => ({ command }) } as unknown as MongoClient);
    });
  for (const [first, last] of [
    [options, others],
    [others, options],
  ] as const) {
    await pauseDeletions(options, "u1");
    await pauseDeletions(others, "u1");
    for (const when of ["before", "after"] as const) {
      const dying = { ...first, withMember: counting, faultPoints: dyingFaultPoints(1, when) };
      await resumeDeletions(dying, always).catch(() => {});
    }
    await resumeDeletions({ ...first, withMember: counting }, always);
    expect(await states()).toEqual([false, false, false]);
    expect(switchedOn, "not even for a moment").toBe(0);
    await resumeDeletions(last, always);
    expect(await states()).toEqual([true, true, false]);
  }
  // Nobody knows who shut writers out: only somebody who asks for just that lets them in.
  await client.db("admin").command({ setUserWriteBlockMode: 1, global: true });
  expect(await allowWrites(block, always)).toBe(false);
  expect(await mode()).toBe(2);
  expect(await allowWrites(block, always, true)).toBe(true);
  expect(await mode()).toBe(1);

  // A successor is there: who is deposed holds nothing back.
  await setting.master(2);
  await pauseDeletions(options, "u1");
  expect(await states()).toEqual([true, true, false]);
  await expect(blockWrites(options, "u1")).rejects.toMatchObject({ code: "fenced" });
  expect(await allowWrites(block, always)).toBe(false);
  await client.close();
});

test("of two fleets that block the writers of their set, the last one lets them in", async () => {
  const set = await startSecureSet();
  onTestFinished(() => set.stop());
  // Root passes the block, as the user of an agent does.
  const client = new MongoClient(set.url());
  const fleets = await Promise.all(
    [1, 2].map(async () => {
      const { control, master } = await createSetting(client);
      const mastership = await master(1);
      return { client, control, mastership, signal: never, clock: systemClock };
    }),
  );
  const [one, other] = fleets.map((fleet) => ({ ...fleet, faultPoints: noFaults }));
  if (!one || !other) return expect.unreachable();
  for (let round = 0; round < 2; round += 1) {
    await blockWrites(one, "u1");
    await blockWrites(other, "u1");
    for (const when of ["before", "after"] as const) {
      const dying = { ...one, faultPoints: dyingFaultPoints(1, when) };
      await allowWrites(dying, always).catch(() => {});
    }
    await allowWrites(one, always);
    expect(await allowWrites(one, always)).toBe(false);
    expect(await isSetBlocked(client)).toBe(true);
    expect(await allowWrites(other, always)).toBe(true);
    expect(await isSetBlocked(client)).toBe(false);
  }
  // An operator asks for everybody to be let in.
  await blockWrites(other, "u2");
  expect(await allowWrites(one, always, true)).toBe(true);
  expect(await isSetBlocked(client)).toBe(false);
  await client.close();
});

test("the URL of a member keeps credentials and TLS, and goes to it alone", () => {
  expect(memberUrl("mongodb://u:p%40w@a:1,b:2/app?replicaSet=rs&tls=true", "b:2")).toBe(
    "mongodb://u:p%40w@b:2/app?tls=true&directConnection=true&authSource=app",
  );
  expect(memberUrl("mongodb+srv://u:p@cluster.example/app?authSource=other", "h:3")).toBe(
    "mongodb://u:p@h:3/app?authSource=other&directConnection=true&tls=true",
  );
  expect(memberUrl("mongodb://a:1", "a:1")).toBe("mongodb://a:1/?directConnection=true");
});
