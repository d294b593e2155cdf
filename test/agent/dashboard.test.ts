// Aim: an agent serves the page of its fleet from its own process, and goes on where that is not possible. Method: a real
// agent process whose port is taken at first; its heartbeats are read from its fleet.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createFleetClient } from "../../src/index.ts";
import { freePort } from "../../src/local/mongod-process.ts";
import { exited, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

const token = "0123456789abcdef";

test("an agent whose page has no port serves its application, then its page, and ends both", async () => {
  const client = await openClient();
  const database = freshDatabaseName();
  await client.db(database).createCollection("things");
  const folder = await mkdtemp(join(tmpdir(), "lockstep-page-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
    for (const name of [database, `lockstep_${database}`]) await client.db(name).dropDatabase();
  });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const taker = createServer().listen(port, "127.0.0.1");
  await once(taker, "listening");
  const agent = startProcess(process.execPath, [resolve("dist/test/fixtures/paged-agent.js")], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: {
      ...process.env,
      ...{ LOCKSTEP_MONGO_URL: urlOf(database), TEST_DIRECTORY: folder },
      ...{ TEST_PORT: String(port), TEST_TOKEN: token },
    },
  });
  onTestFinished(() => void (agent.exitCode ?? agent.kill("SIGKILL")));
  let said = "";
  agent.stdout?.on("data", (data) => {
    said += data;
  });
  const fleet = await createFleetClient({ mongoUrl: urlOf(database) });
  onTestFinished(() => fleet.close());
  const own = async () => (await fleet.status()).agents.find((each) => each.agent === "a1");
  await once(agent, "message");
  await until("the words about the port", () =>
    said.includes('"why":"bad-argument: expected to listen on 127.0.0.1'),
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
