// Aim: one master at a time, fenced before it acts, and a dead one holds nobody up. Method: several
// leaderships on the real set; a client that dies with a transaction open on the fence.
import { MongoClient } from "mongodb";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { killPredecessor } from "../../src/leadership/kill-predecessor.ts";
import { createLeadership } from "../../src/leadership/leadership.ts";
import { createLeaseStore, leaseTtlFor } from "../../src/leadership/lease.ts";
import type { Mastership } from "../../src/leadership/mastership.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { systemRandom } from "../../src/ports/random.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";
import { until } from "../support/until.ts";

async function contender(databaseName: string, agent: string, leaseTtlMs = 1_000) {
  const client = await openClient({ appName: `lockstep:${agent}` });
  const renewClient = await openClient({ appName: `lockstep:${agent}:renew` });
  const leadership = createLeadership({
    leases: createLeaseStore({ client, renewClient, databaseName, faultPoints: noFaults }),
    endPredecessor: (appName) => killPredecessor({ client, appName, log: silentLog }),
    agent,
    incarnation: 1,
    appName: `lockstep:${agent}`,
    leaseTtlMs,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    eligible: async () => true,
  });
  const held: Mastership[] = [];
  const running = leadership.run(async (mastership) => {
    held.push(mastership);
    await new Promise<void>((resolve) => {
      if (mastership.signal.aborted) resolve();
      mastership.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  });
  onTestFinished(async () => {
    await leadership.stop();
    await running;
  });
  return { agent, client, renewClient, leadership, held };
}

describe("leadership", () => {
  test("four at once: one master; its release lets another in, one epoch higher", async () => {
    const name = freshDatabaseName();
    const all = await Promise.all(["a1", "a2", "a3", "a4"].map((agent) => contender(name, agent)));
    await until("a master", () => all.some(({ held }) => held.length > 0));
    const first = all.find(({ held }) => held.length > 0);
    expect(all.flatMap(({ held }) => held).map(({ epoch }) => epoch)).toEqual([1]);
    await first?.leadership.stop();
    await until("another", () => all.some(({ held }) => held.some(({ epoch }) => epoch === 2)));
    expect(first?.held[0]?.signal.aborted).toBe(true);
    expect(all.flatMap(({ held }) => held)).toHaveLength(2);
  });

  test("who cannot renew is deposed: its signal aborts, its fence is refused", async () => {
    const name = freshDatabaseName();
    const first = await contender(name, "a1");
    const [mastership] = await until("a master", () => (first.held.length > 0 ? first.held : null));
    await first.renewClient.close(true);
    const second = await contender(name, "a2");
    await until("a successor", () => second.held.length > 0);
    await until("deposed", () => mastership?.signal.aborted);
    const store = createMongoStore({
      client: second.client,
      databaseName: name,
      faultPoints: noFaults,
      clock: systemClock,
    });
    if (!mastership || !second.held[0]) throw new Error("expected two masterships");
    expect(await store.write([mastership.fence])).toBe(0);
    expect(await store.write([second.held[0].fence])).toBe(null);
    await first.leadership.stop();
  });

  test("a dead master's open transaction on the fence does not hold its successor up", async () => {
    const name = freshDatabaseName();
    const dead = new MongoClient(inject("mongoUrl"), { appName: "lockstep:dead" });
    const leases = createLeaseStore({
      client: dead,
      renewClient: dead,
      databaseName: name,
      faultPoints: noFaults,
    });
    const claim = { holder: "dead", incarnation: 1, nonce: "n", appName: "lockstep:dead" };
    const taken = await leases.acquire({ ...claim, ttlMs: 500 });
    expect(taken?.granted.epoch).toBe(1);
    expect(await leases.raiseFence(1, "dead")).toBe(true);
    const session = dead.startSession();
    session.startTransaction();
    await dead
      .db(name)
      .collection("fences")
      .updateOne({ epoch: 1 }, { $inc: { sequence: 1 } }, { session });
    const second = await contender(name, "a2");
    await until("a successor in spite of it", () => second.held.length > 0, 15_000);
    expect(second.held[0]?.epoch).toBe(2);
    await expect(session.commitTransaction()).rejects.toThrow();
    await dead.close();
  });

  test("a lease by a clock that was far ahead is free; one that its holder may have is not", async () => {
    const name = freshDatabaseName();
    const [client, renewClient] = [await openClient(), await openClient()];
    const leases = createLeaseStore({
      client,
      renewClient,
      databaseName: name,
      faultPoints: noFaults,
    });
    const claim = { incarnation: 1, appName: "", ttlMs: 60_000 };
    expect(await leases.acquire({ ...claim, holder: "a1", nonce: "n1" })).not.toBe(null);
    const document = client.db(name).collection<{ _id: string }>("leases");
    const ahead = (ms: number) => document.updateOne({}, { $inc: { expiresAt: ms } });
    await ahead(limits.leaseAheadMs - 1_000);
    expect(await leases.freeInMs()).toBeGreaterThan(60_000);
    expect(await leases.acquire({ ...claim, holder: "a2", nonce: "n2" })).toBe(null);
    await ahead(10 * 60_000);
    expect(await leases.freeInMs()).toBe(0);
    const taken = await leases.acquire({ ...claim, holder: "a2", nonce: "n2" });
    expect(taken?.granted).toMatchObject({ holder: "a2", epoch: 2 });
  });

  test("a clock that is an hour ahead takes nobody's lease, and gives none that lasts", async () => {
    const name = freshDatabaseName();
    const [client, renewClient] = [await openClient(), await openClient()];
    const leases = createLeaseStore({
      client,
      renewClient,
      databaseName: name,
      faultPoints: noFaults,
    });
    const claim = { incarnation: 1, appName: "", ttlMs: 60_000 };
    expect(await leases.acquire({ ...claim, holder: "a1", nonce: "n1" })).not.toBe(null);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60 * 60_000 });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    expect(await leases.freeInMs()).toBeGreaterThan(0);
    expect(await leases.acquire({ ...claim, holder: "a2", nonce: "n2" })).toBe(null);
    await leases.release("n1", 1);
    const taken = await leases.acquire({ ...claim, holder: "a2", nonce: "n2" });
    expect(taken?.granted.expiresAt).toBeLessThan(Date.now());
  });

  test("a lease that lacks fields is named, and made anew above the fence's epoch once it is deleted", async () => {
    const name = freshDatabaseName();
    const client = await openClient();
    const leases = createLeaseStore({
      ...{ client, renewClient: client, databaseName: name, faultPoints: noFaults },
    });
    const documents = client.db(name).collection<{ _id: string }>("leases");
    const claim = { holder: "a1", incarnation: 1, appName: "a1", ttlMs: 1 };
    for (let epoch = 1; epoch <= 2; epoch += 1) {
      expect(await leases.acquire({ ...claim, nonce: `n${epoch}` })).not.toBe(null);
      expect(await leases.raiseFence(epoch, "a1")).toBe(true);
      await leases.release(`n${epoch}`, epoch);
    }
    // Times that make no sense are in nobody's way.
    await documents.updateOne({}, { $set: { ttlMs: "soon", expiresAt: "later" } });
    expect(await leases.freeInMs()).toBe(0);
    for (const [field, value] of Object.entries({
      epoch: "3",
      nonce: null,
      appName: 5,
      holder: 5,
    })) {
      await documents.updateOne({}, { $set: { [field]: value } });
      await expect(leases.acquire({ ...claim, nonce: "n3" })).rejects.toMatchObject({
        code: "record-broken",
        message: expect.stringMatching(new RegExp(`${field}: expected .* delete it in mongosh`)),
      });
      await documents.updateOne({}, { $set: { epoch: 2, nonce: "", appName: "", holder: null } });
    }
    await documents.deleteOne({});
    const taken = await leases.acquire({ ...claim, nonce: "n3" });
    expect(taken?.granted.epoch).toBe(3);
    expect(await leases.raiseFence(3, "a1")).toBe(true);
  });

  test.each([
    ["whose epoch is a text", { $set: { epoch: "1" } }],
    ["without its epoch", { $unset: { epoch: true as const } }],
    ["that is gone", null],
  ])(
    "a fence %s is named: nobody leads on it, or takes it for a successor's",
    async (_, change) => {
      const name = freshDatabaseName();
      const client = await openClient();
      const leases = createLeaseStore({
        ...{ client, renewClient: client, databaseName: name, faultPoints: noFaults },
      });
      const claim = { holder: "a1", incarnation: 1, nonce: "n", appName: "a1", ttlMs: 1_000 };
      expect(await leases.acquire(claim)).not.toBe(null);
      const fences = client.db(name).collection<{ _id: string }>("fences");
      await (change ? fences.updateOne({}, change) : fences.deleteOne({}));
      await expect(leases.raiseFence(1, "a1")).rejects.toMatchObject({
        code: "record-broken",
        details: { collection: "fences", id: "master" },
      });
    },
  );

  test("the lease's length", () => {
    expect(leaseTtlFor(2_000)).toBe(3_000);
  });
});
