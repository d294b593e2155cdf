// Aim: a worker that was replaced appends nothing, wherever it stopped between the note of a session and its use, and one
// that has its right can use each of its sessions. Method: two stores on one database of a real replica set; the calls
// of one of them to the driver stop or fail where the test says.
import { type ClientSession, MongoNetworkError } from "mongodb";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { limits } from "../../../src/limits.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { appended, entryOf, workerOf } from "../journal/store-under-test.ts";
import { gated } from "./gated-client.ts";

const fence = (worker: string) => ({ fence: { worker, epoch: 1 } });
const fenced = { code: "fenced" };

async function opened() {
  const databaseName = freshDatabaseName();
  const open = async () => {
    const client = await openClient();
    const gate = gated(client);
    const store = createMongoEngineStore({
      ...{ client, databaseName, clock: systemClock, faultPoints: noFaults },
    });
    onTestFinished(() => store.close());
    return { store, gate };
  };
  const [one, other] = [await open(), await open()];
  await one.store.prepare(["m"]);
  const fenceOut = (worker: string) =>
    until(`${worker} is fenced out`, () => other.store.fenceOut(worker, 1));
  return { store: one.store, gate: one.gate, other: other.store, otherGate: other.gate, fenceOut };
}

describe("a worker that stops, is replaced and goes on", () => {
  test.each([
    ["before the fence of its session is made", "lockstep_fences.bulkWrite"],
    ["before its session is noted", "lockstep_workers.updateOne"],
    ["before the fence is in force", "lockstep_fences.updateMany"],
    ["before it touches the fence", "lockstep_fences.updateOne"],
    ["before it appends", "lockstep_journal.insertMany"],
  ])("%s", async (_when, call) => {
    for (const isRemoved of [false, true]) {
      const { store, gate, other, fenceOut } = await opened();
      await store.register(workerOf("w"), 50);
      const stop = gate.pauseAt(call);
      const late = store.append([entryOf("a", 0)], fence("w"));
      const refused = expect(late).rejects.toMatchObject(fenced);
      await stop.reached;
      await fenceOut("w");
      if (isRemoved) await other.removeWorker("w");
      stop.resume();
      await refused;
      await expect(store.append([entryOf("b", 0)], fence("w"))).rejects.toMatchObject(fenced);
      expect(await other.tails(["a", "b"])).toEqual({ tails: [], left: [] });
      // It comes back under another name, with the sessions that it has.
      expect(await store.register(workerOf("v"), 60_000)).toBe(true);
      expect(await store.append([entryOf("a", 0)], fence("v"))).toEqual([appended]);
      await expect(store.append([entryOf("b", 0)], fence("w"))).rejects.toMatchObject(fenced);
    }
  });

  test("and that cannot take back the fence of a session which came too late", async () => {
    const { store, gate, other, fenceOut } = await opened();
    await store.register(workerOf("w"), 50);
    await fenceOut("w");
    await other.removeWorker("w");
    gate.failAt("lockstep_fences.deleteOne", new MongoNetworkError("gone"));
    await expect(store.append([entryOf("a", 0)], fence("w"))).rejects.toMatchObject({
      code: "database-unreachable",
    });
    // The driver hands out the same session again.
    await store.register(workerOf("v"), 60_000);
    expect(await store.append([entryOf("a", 0)], fence("v"))).toEqual([appended]);
    await expect(store.append([entryOf("b", 0)], fence("w"))).rejects.toMatchObject(fenced);
    expect(await other.tail("b")).toBeUndefined();
  });
});

test("a session that is opened while its worker is registered is of use afterwards, or is not kept", async () => {
  const { store, gate } = await opened();
  const stop = gate.pauseAt("lockstep_workers.updateOne");
  const registering = store.register(workerOf("w"), 60_000);
  await stop.reached;
  await store.transact(async () => {}).catch(() => {});
  stop.resume();
  expect(await registering).toBe(true);
  const append = (session: ClientSession) =>
    store.append([entryOf("a", 0)], { session, ...fence("w") });
  expect(await store.transact(append)).toEqual([appended]);
});

test("sessions that a successor ends late are used by the worker's next name: what they write is there once", async () => {
  const { store, gate, other, otherGate, fenceOut } = await opened();
  await store.register(workerOf("w"), 50);
  const insert = "lockstep_journal.insertMany";
  const held = gate.pauseAt(insert);
  const first = store.append([entryOf("a", 0)], fence("w"));
  await held.reached;
  const late = otherGate.pauseAt("admin.command");
  const fencing = fenceOut("w");
  await late.reached;
  held.resume();
  // The fence is raised after the sessions have ended: until then it may append.
  expect(await first).toEqual([appended]);
  expect(await store.register(workerOf("v"), 60_000)).toBe(true);
  const again = gate.pauseAt(insert);
  const before = gate.calls(insert);
  const second = store.append([entryOf("b", 0)], fence("v"));
  await again.reached;
  late.resume();
  await fencing;
  again.resume();
  expect(await second).toEqual([appended]);
  // The first try was ended with its session.
  expect(gate.calls(insert) - before).toBe(2);
  expect(await other.entries("b", 0, 10)).toHaveLength(1);
  expect(await store.append([entryOf("b", 1)], fence("v"))).toEqual([appended]);
});

test("transactions that stay open, as many as there may be, keep no append of their worker waiting", async () => {
  const { store } = await opened();
  await store.register(workerOf("w"), 60_000);
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let open = 0;
  const held = Array.from({ length: limits.engineSessionsMax }, () =>
    store.transact(async () => {
      open += 1;
      await ended;
    }),
  );
  await until("all transactions", () => open === limits.engineSessionsMax);
  const late = store.append([entryOf("a", 0)], fence("w"));
  let isAppended = false;
  void late.then(() => {
    isAppended = true;
  });
  await until("the append", () => isAppended).finally(end);
  expect(await late).toEqual([appended]);
  await Promise.all(held);
});
