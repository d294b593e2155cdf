// Aim: on MongoDB an opening gate and an acceptance cannot both commit on what each read of the other:
// the opening really changes the versions document. Method: an opening that is held before its commit.

import type { ClientSession, MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { register } from "../../../src/control/agents.ts";
import { acceptWrite, initializeVersions, readVersions } from "../../../src/control/versions.ts";
import { createMongoStore } from "../../../src/journal/mongo-store.ts";
import { collections } from "../../../src/journal/store.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { createGate } from "../../../src/upgrade/participant/gate/gate.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { drainPorts } from "../../support/drain-ports.ts";

/** The client with its sessions looked at: before a commit, and when a transaction is given up. */
function watching(
  client: MongoClient,
  watch: { beforeCommit?: () => Promise<void>; onAbort?: () => void },
): MongoClient {
  const wrap = (session: ClientSession) =>
    new Proxy(session, {
      get(target, name) {
        if (name === "commitTransaction") {
          return async () => {
            await watch.beforeCommit?.();
            return target.commitTransaction();
          };
        }
        if (name === "abortTransaction") watch.onAbort?.();
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const sessions = new WeakMap<ClientSession, ClientSession>();
  return new Proxy(client, {
    get(target, name) {
      if (name === "startSession") {
        return () => {
          const session = target.startSession();
          sessions.set(session, session);
          return wrap(session);
        };
      }
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("an acceptance waits for an opening that has not committed yet", async () => {
  const databaseName = freshDatabaseName();
  const order: string[] = [];
  let letCommit = () => {};
  const mayCommit = new Promise<void>((resolve) => {
    letCommit = resolve;
  });
  let reachCommit = () => {};
  const atCommit = new Promise<void>((resolve) => {
    reachCommit = resolve;
  });
  const plain = createMongoStore({
    client: await openClient(),
    databaseName,
    faultPoints: noFaults,
    clock: systemClock,
  });
  await initializeVersions(plain, "1.0.0");
  const facts = { role: "state-server", version: "1.0.0", startable: [], backups: [] } as const;
  const incarnation = await register(plain, "a1", {
    ...{ ...facts, freeBytes: 0, memberTrouble: null, incarnationAtLeast: 1, host: "", pid: 1 },
  });

  const held = watching(await openClient(), {
    async beforeCommit() {
      reachCommit();
      await mayCommit;
      order.push("opened");
    },
  });
  const gate = createGate({
    ...{ agent: "a1", incarnation, version: "1.0.0", log: silentLog },
    store: createMongoStore({
      client: held,
      databaseName,
      faultPoints: noFaults,
      clock: systemClock,
    }),
    listener: { onOpen() {}, onShut() {} },
    ...{ drain: drainPorts(), safeMode: null, keepVersion: async () => {} },
  });
  const opening = gate.open();
  await atCommit;

  const conflicted = new Promise<void>((resolve) => {
    void openClient().then((client) => {
      const accepting = createMongoStore({
        client: watching(client, { onAbort: resolve }),
        ...{ databaseName, faultPoints: noFaults, clock: systemClock },
      });
      // In one transaction with something else, as it is with the coordinator's first entry.
      const answer = { collection: collections.inbox, id: "r1", expect: null };
      const acceptance = [acceptWrite("1.0.0", "1.1.0", "u000002"), answer];
      void accepting.write(acceptance).then((refused) => {
        order.push(refused === null ? "accepted" : "refused");
        resolve();
      });
    });
  });
  await conflicted;
  expect(order).toEqual([]);
  letCommit();
  expect(await opening).toBe(true);
  await expect.poll(() => order).toEqual(["opened", "accepted"]);
  expect((await readVersions(plain))?.upgradeId).toBe("u000002");
});
