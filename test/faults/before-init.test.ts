// Aim: agents that start before their fleet has a version wait for it, say which command to run, and serve once it is
// declared; a version that is installed later needs no restart. Method: a launcher and its agent on a real set, the log
// of both, `lockstep init`, SIGHUP.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createServer } from "../../demo/fleet.ts";
import { createFleetClient } from "../../src/index.ts";
import { startGuard } from "../../src/local/guard.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

test("an agent before `lockstep init` waits, serves once its version is declared, and follows to one that is installed then", async () => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-before-init-"));
  await mkdir(join(root, "holds"));
  const name = freshDatabaseName();
  const mongoUrl = urlOf(name);
  const guard = startGuard(root);
  const server = await createServer({
    ...{ name: "a1", root, guard, versions: ["1.0.0"] },
    launcher: resolve("dist/src/launcher/main.js"),
    main: resolve("dist/test/fixtures/application.js"),
    environment: () => ({
      ...{ TEST_MONGO_URL: mongoUrl, TEST_AGENT: "a1", TEST_HOLDS: join(root, "holds") },
    }),
  });
  onTestFinished(async () => {
    await server.stop();
    await guard.release();
    await rm(root, { recursive: true, force: true });
  });
  const client = await openClient();
  await client.db(name).collection("items").insertOne({});
  await server.start();
  const lines = async () => (await server.lastLines(1_000)).split("\n");
  const noted = await until("the command", async () =>
    (await lines()).find((line) => line.includes("`lockstep init 1.0.0`")),
  );
  expect(JSON.parse(noted)).toMatchObject({ agent: "a1", command: "lockstep init 1.0.0" });
  const fleet = await createFleetClient({ mongoUrl });
  onTestFinished(() => fleet.close());
  await fleet.init("1.0.0");
  await until("a1 serving", async () => {
    const [a1] = (await fleet.status()).agents;
    return a1?.gate === "open" && a1.incarnation === 1;
  });
  expect((await lines()).filter((line) => line.includes("child ended"))).toEqual([]);

  // A version that is installed while the agent runs.
  await expect(fleet.upgrade("1.1.0")).rejects.toMatchObject({
    ...{ code: "cannot-start", message: expect.stringContaining("a1 (it can start 1.0.0)") },
  });
  const path = join(root, "a1.versions.json");
  const file = JSON.parse(await readFile(path, "utf8")) as { versions: Record<string, object> };
  const versions = { ...file.versions, "1.1.0": file.versions["1.0.0"] };
  await writeFile(path, JSON.stringify({ ...file, versions }));
  signalProcess(server.pid, "SIGHUP");
  await until("1.1.0 startable", async () => {
    const [a1] = (await fleet.status()).agents;
    return a1?.startable.includes("1.1.0") && a1.incarnation === 1;
  });
  await fleet.upgrade("1.1.0");
  await until("a1 serving 1.1.0", async () => {
    const [a1] = (await fleet.status()).agents;
    return a1?.gate === "open" && a1.version === "1.1.0";
  });

  // The second launcher knows the name from its first line on.
  await server.stop();
  await server.start();
  const isSecond = (line: string) => line.includes('"incarnation":3') && line.includes("starting");
  const started = await until("the second start", async () => (await lines()).find(isSecond));
  expect(JSON.parse(started)).toMatchObject({ launcher: true, agent: "a1" });
});
