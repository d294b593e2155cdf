// Aim: an agent serves the page of its fleet from its own process, and goes on where that is not possible. Method: real
// agent processes: the port of one is taken at first, and its heartbeats are read from its fleet; others show an engine.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createEngine } from "../../src/engine/create-engine.ts";
import { createFleetClient } from "../../src/index.ts";
import { freePort } from "../../src/local/mongod-process.ts";
import { exited, startProcess } from "../../src/ports/process.ts";
import { order, writeModule } from "../dashboard/actors/machines.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

const token = "0123456789abcdef";

/** An agent of a new fleet, in a process of its own. */
async function pagedAgent(port: number, environment: Readonly<Record<string, string>> = {}) {
  const client = await openClient();
  const database = freshDatabaseName();
  await client.db(database).createCollection("things");
  const folder = await mkdtemp(join(tmpdir(), "lockstep-page-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
    for (const name of [database, `lockstep_${database}`]) await client.db(name).dropDatabase();
  });
  const agent = startProcess(process.execPath, [resolve("dist/test/fixtures/paged-agent.js")], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: {
      ...process.env,
      ...{ LOCKSTEP_MONGO_URL: urlOf(database), TEST_DIRECTORY: folder },
      ...{ TEST_PORT: String(port), TEST_TOKEN: token, ...environment },
    },
  });
  onTestFinished(() => void (agent.exitCode ?? agent.kill("SIGKILL")));
  let said = "";
  agent.stdout?.on("data", (data) => {
    said += data;
  });
  await once(agent, "message");
  return { agent, database, said: () => said };
}

test("an agent whose page has no port serves its application, then its page, and ends both", async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const taker = createServer().listen(port, "127.0.0.1");
  await once(taker, "listening");
  const { agent, database, said } = await pagedAgent(port);
  const fleet = await createFleetClient({ mongoUrl: urlOf(database) });
  onTestFinished(() => fleet.close());
  const own = async () => (await fleet.status()).agents.find((each) => each.agent === "a1");
  await until("the words about the port", () =>
    said().includes('"why":"bad-argument: expected to listen on 127.0.0.1'),
  );
  const first = await until("an open gate", async () => {
    const found = await own();
    return found?.gate === "open" && found;
  });
  await until("a heartbeat meanwhile", async () => {
    return ((await own())?.lastSeenAt ?? 0) > first.lastSeenAt;
  });

  taker.close();
  await once(taker, "close");
  await until("the page", () =>
    fetch(url).then(
      async (answer) => (await answer.text()).includes("<title>Lockstep</title>"),
      () => false,
    ),
  );
  expect((await fetch(`${url}readyz`)).status).toBe(200);
  const rights = await fetch(`${url}api/rights`, { headers: { authorization: `Bearer ${token}` } });
  expect(await rights.json()).toMatchObject({ mayAct: true });
  const abort = { method: "POST", body: JSON.stringify({ kind: "abort", upgradeId: "u000001" }) };
  expect((await fetch(`${url}api/requests`, abort)).status).toBe(401);
  const foreign = { ...abort, headers: { origin: "http://evil.example" } };
  expect((await fetch(`${url}api/requests`, foreign)).status).toBe(403);
  const stream = await fetch(`${url}api/stream`);
  const reader = stream.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('"name":"');

  agent.kill("SIGTERM");
  expect(await exited(agent)).toMatchObject({ code: 0 });
  await expect(fetch(url)).rejects.toThrow("fetch failed");
});

test("it shows the actors of an engine that it is given, with the charts of a module", async () => {
  const client = await openClient();
  const engineDatabase = freshDatabaseName();
  const folder = await mkdtemp(join(tmpdir(), "lockstep-machines-"));
  const engine = await createEngine({ client, database: engineDatabase, machines: [order] });
  onTestFinished(async () => {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
    await client.db(engineDatabase).dropDatabase();
  });
  await engine.start(order, { id: "o-1" });
  const module = await writeModule(folder);
  const port = await freePort();
  await pagedAgent(port, { TEST_ENGINE: engineDatabase, TEST_MODULE: module });
  const url = `http://127.0.0.1:${port}/`;
  const actor: unknown = await until("the actor", () =>
    fetch(`${url}api/engine/actor?id=o-1`).then(
      (answer) => answer.json(),
      () => null,
    ),
  );
  expect(actor).toMatchObject({
    ...{ state: "open", noChart: null, database: engineDatabase },
    events: expect.arrayContaining(["PAY"]),
  });
  const sent = await fetch(`${url}api/engine/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      ...{ id: "o-1", event: '{"type":"PAY"}', key: "page-1" },
      seen: { version: "1.0.0", state: "open", status: "active" },
    }),
  });
  expect(await sent.json()).toMatchObject({ outcome: "applied", state: "paid" });
});

test("a module that cannot be imported is a warning that names the option, and the agent goes on", async () => {
  const { said, database } = await pagedAgent(await freePort(), { TEST_MODULE: "./no-such.mjs" });
  await until("the words about the module", () => said().includes("correct dashboard.module"));
  const fleet = await createFleetClient({ mongoUrl: urlOf(database) });
  onTestFinished(() => fleet.close());
  await until("an open gate", async () => (await fleet.status()).agents[0]?.gate === "open");
});
