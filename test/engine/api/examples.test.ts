// Aim: each example does what its first line says. Method: it runs as a user runs it, as a process of its own, on a real
// replica set. The subscription runs through 90 days on the memory store with a virtual clock.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { subscriptionOf } from "../../../examples/engine/subscription.ts";
import { EngineHost } from "../../../src/engine/testing/index.ts";
import { freePort } from "../../../src/local/mongod-process.ts";
import { freshDatabaseName, urlOf } from "../../support/database.ts";
import { until } from "../../support/until.ts";

function run(name: string, database: string, more: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [join("dist/examples/engine", `${name}.js`)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, MONGO_URL: urlOf(""), DATABASE: database, ...more },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** The lines that an example prints. The log of its engine is JSON. */
async function linesOf(name: string, database = freshDatabaseName()): Promise<readonly string[]> {
  const child = run(name, database);
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const [code] = await once(child, "close");
  expect(code, text).toBe(0);
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
}

test("an order with a time-out of its payment", async () => {
  const lines = await linesOf("order");
  // The mail may come before the end of the wait.
  expect(lines.toSorted()).toEqual([
    expect.stringMatching(/^mail: 40 from 4242, charge o-17\/\w+\/1\/\d+$/),
    "o-17: applied, charging",
    expect.stringMatching(/^o-17: duplicate, (charging|paid)$/),
    expect.stringMatching(/^o-17: paid, 40 from 4242, charge o-17\/\w+\/1\/\d+$/),
    "o-18: expired",
  ]);
});

test("an approval with escalation", async () => {
  const lines = await linesOf("approval");
  expect(lines.filter((line) => line.startsWith("mail")).toSorted()).toEqual([
    "mail to the lead: 12 EUR?",
    "mail to the lead: 80 EUR?",
    "mail to the manager: 12 EUR?",
  ]);
  expect(lines.filter((line) => line.startsWith("e-"))).toEqual([
    "e-2: bob's own approval is ignored",
    "e-2: atLead takes APPROVE or REFUSE, and has 1 timer",
    "e-1: refused by nobody",
    "e-2: approved by eve",
    "e-1: 2 timers fired",
  ]);
});

test("a saga with compensation", async () => {
  expect(await linesOf("saga")).toEqual([
    "to-the-sea: booked, booked: car, flight, hotel",
    "to-the-moon: the hotel is cancelled",
    "to-the-moon: the flight is cancelled",
    "to-the-moon: undone, booked: nothing Error: there is no road",
  ]);
});

test("a subscription says when its period ends", async () => {
  expect(await linesOf("subscription")).toEqual([
    "charged ann-1",
    "s-1: active, the next charge is due after 30 days",
  ]);
});

test("a subscription is charged each 30 days, and an hour later where the bank is away", async () => {
  const charged: string[] = [];
  let isAway = false;
  const host = new EngineHost({
    machines: [
      subscriptionOf(async (_customer, id) => {
        if (isAway) throw new Error("the bank is away");
        charged.push(`${Math.floor(host.clock.nowMs() / 3_600_000)} h: ${id}`);
      }),
    ],
  });
  onTestFinished(() => host.dispose());
  const subscription = subscriptionOf(async () => {});
  const daysMs = (days: number) => days * 86_400_000;
  await host.ask((engine) => engine.start(subscription, { id: "s-1", input: { customer: "ann" } }));
  await host.elapse(daysMs(31));
  host.kill();
  await host.elapse(daysMs(28));
  isAway = true;
  await host.elapse(daysMs(1) + 60_000);
  isAway = false;
  await host.elapse(daysMs(1));
  expect(charged).toEqual(["0 h: ann-1", "720 h: ann-2", "1440 h: ann-3"]);
  await host.ask((engine) => engine.send(subscription, "s-1", { type: "CANCEL" }));
  await host.elapse(daysMs(60));
  const { value } = await host.ask((engine) => engine.get(subscription, "s-1"));
  expect(value).toBe("ended");
  expect(charged).toHaveLength(3);
});

test("a thermostat goes on where it was", async () => {
  const database = freshDatabaseName();
  expect(await linesOf("thermostat", database)).toEqual(["hall: begins", "hall: 4 more readings"]);
  expect(await linesOf("thermostat", database)).toEqual(["hall: goes on", "hall: 4 more readings"]);
});

test("a parent with spawned workers", async () => {
  expect(await linesOf("crew")).toEqual(["one: 3", "three: 5", "seven: 5", "crew-1: 13 in all"]);
});

test("a web service: two copies serve the same reservations", async () => {
  const database = freshDatabaseName();
  const ports = [await freePort(), await freePort()] as const;
  const children = ports.map((port) =>
    run("service", database, { PORT: String(port), HOLD_MS: "3000" }),
  );
  const ask = async (port: number, path: string, options: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, options);
    return { status: response.status, body: await response.text() };
  };
  const [here, there] = ports;
  for (const port of ports) {
    await until("the service's answer", async () => {
      return await ask(port, "").catch(() => undefined);
    });
  }
  const headers = { "idempotency-key": "k1" };
  const first = await ask(here, "?name=ann", { method: "POST", headers });
  expect(await ask(there, "?name=ann", { method: "POST", headers })).toEqual(first);
  const { id } = JSON.parse(first.body) as { id: string };
  const confirmed = await ask(there, `${id}/confirm`, { method: "POST" });
  expect(JSON.parse(confirmed.body)).toMatchObject({ outcome: "applied", state: "confirmed" });
  expect(JSON.parse((await ask(here, id)).body)).toMatchObject({
    ...{ name: "ann", state: "confirmed", events: ["CANCEL"], timers: [] },
  });
  const held = await ask(here, "?name=bob", { method: "POST" });
  const other = JSON.parse(held.body) as { id: string };
  await until("the end of its hold", async () => {
    const { state } = JSON.parse((await ask(there, other.id)).body) as { state: string };
    return state === "expired";
  });
  expect((await ask(here, "nobody")).status).toBe(404);
  for (const child of children) child.kill("SIGTERM");
  expect(await Promise.all(children.map((child) => once(child, "close")))).toEqual([
    [0, null],
    [0, null],
  ]);
});
