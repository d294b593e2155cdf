// Aim: the proxy of the chaos runs really cuts, one way or both, delays, keeps order, and knows who
// connects. Method: an echo server behind it, this process as a named source.
import { createConnection, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/until.ts";
import { type Link, openLink, startProxy } from "./proxy.ts";
import { whoConnects } from "./who-connects.ts";

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

async function setting() {
  let link: Link = openLink;
  let heard = "";
  let answered = "";
  const targetPort = await listen((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      heard += data;
      socket.write(data);
    });
  });
  const sources: (string | null)[] = [];
  const proxy = await startProxy({
    targetPort,
    async identify(source, target) {
      const who = await whoConnects({ source, target }, { me: process.pid });
      sources.push(who);
      return who;
    },
    link: () => link,
  });
  const client = createConnection({ host: "127.0.0.1", port: proxy.port });
  client.on("data", (data) => {
    answered += data;
  });
  onTestFinished(async () => {
    client.destroy();
    await proxy.close();
  });
  return {
    client,
    proxy,
    sources,
    heard: () => heard,
    answered: () => answered,
    set(next: Partial<Link>) {
      link = { ...openLink, ...next };
      proxy.changed();
    },
  };
}

test("who connects is known by the process that owns the connection", async () => {
  const { client, sources, answered } = await setting();
  client.write("a");
  await until("the echo", () => answered() === "a");
  expect(sources).toEqual(["me"]);
  expect(await whoConnects({ source: 1, target: 2 }, { me: process.pid })).toBeNull();
});

test("cut on the way there: nothing arrives until it is healed, then all of it, in order", async () => {
  const { client, set, heard, answered } = await setting();
  client.write("a");
  await until("the echo", () => answered() === "a");
  set({ cutThere: true });
  client.write("b");
  // Another connection passes twice while this one is cut: so "nothing" is no matter of time.
  const other = await setting();
  other.client.write("x");
  await until("the other's echo", () => other.answered() === "x");
  client.write("c");
  other.client.write("y");
  await until("the other's echo", () => other.answered() === "xy");
  expect(heard()).toBe("a");
  set({});
  await until("all of it", () => answered() === "abc");
});

test("cut on the way back: it is heard, the answer is not", async () => {
  const { client, set, heard, answered } = await setting();
  set({ cutBack: true });
  client.write("a");
  await until("it is heard", () => heard() === "a");
  expect(answered()).toBe("");
  set({});
  await until("the answer", () => answered() === "a");
});

test("late pieces keep their order", async () => {
  const { client, set, answered } = await setting();
  set({ delayMs: 40 });
  client.write("a");
  await until("it left", () => client.bytesWritten === 1);
  set({ delayMs: 0 });
  client.write("b");
  await until("both", () => answered().length === 2);
  expect(answered()).toBe("ab");
});
