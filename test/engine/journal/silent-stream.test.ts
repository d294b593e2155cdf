// Aim: a change stream whose connection is dead, so that it says nothing and fails nothing, hides no entry for long.
// Method: a proxy before a real member lets one connection die in silence; the clock of the store is virtual.
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { MongoClient } from "mongodb";
import { expect, onTestFinished, test } from "vitest";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import { limits } from "../../../src/limits.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { entryOf } from "./store-under-test.ts";

/** A proxy in which the connection of a change stream can die: nothing passes it any more, and it stays open. */
async function startProxy(port: number) {
  const sockets = new Set<Socket>();
  let [questions, deaths] = [0, 0];
  let isToDie = false;
  const server = createServer((socket) => {
    const target = createConnection({ host: "127.0.0.1", port });
    let isDead = false;
    for (const end of [socket, target]) {
      sockets.add(end);
      end.on("error", () => {});
      end.once("close", () => {
        socket.destroy();
        target.destroy();
      });
    }
    socket.on("data", (data) => {
      if (data.includes("getMore")) {
        questions += 1;
        if (isToDie) [isDead, isToDie, deaths] = [true, false, deaths + 1];
      }
      if (!isDead) target.write(data);
    });
    target.on("data", (data) => !isDead && socket.write(data));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    questions: () => questions,
    async letOneDie() {
      isToDie = true;
      await until("the death of a connection", () => deaths > 0);
    },
  };
}

test("it is opened anew, and a call with null covers the entries that it has missed", async () => {
  const direct = await openClient();
  const { primary } = await direct.db("admin").command({ hello: 1 });
  const proxy = await startProxy(Number(String(primary).split(":")[1]));
  const client = new MongoClient(`mongodb://127.0.0.1:${proxy.port}/?directConnection=true`);
  onTestFinished(() => client.close());
  const databaseName = freshDatabaseName();
  const clock = createVirtualClock();
  const means = { databaseName, faultPoints: noFaults };
  const store = createMongoEngineStore({ client, clock, ...means });
  const other = createMongoEngineStore({ client: direct, clock: systemClock, ...means });
  onTestFinished(async () => {
    await store.close();
    await other.close();
  });
  await other.prepare(["m"]);
  const hints: (string | null)[] = [];
  store.watch({ onAppended: (hint) => hints.push(hint?.actor ?? null) });
  await until("the watch has begun", () => hints.length > 0);
  // A stream without news is not silent: the server answers each of its questions.
  for (let round = 0; round < 3; round += 1) {
    const asked = proxy.questions();
    await until("two answers", () => proxy.questions() >= asked + 2);
    await clock.advance(limits.watchSilentMsMax - 1_000);
  }
  await other.append([entryOf("a", 0)]);
  await until("the hint", () => hints.length > 1);
  await proxy.letOneDie();
  await other.append([entryOf("b", 0)]);
  await clock.advance(limits.watchSilentMsMax);
  await until("the gap is told", () => hints.length > 2);
  await other.append([entryOf("c", 0)]);
  await until("the next hint", () => hints.length > 3);
  expect(hints).toEqual([null, "a", null, "c"]);
});
