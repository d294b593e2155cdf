// Aim: too little disk for the copy is told with figures before anything is written. Method: an agent
// whose data directory is a small file system of its own (needs root to mount it).
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createAgent, createFleetClient } from "../../src/index.ts";
import { silentLog } from "../../src/log.ts";
import { runCommand } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

test("a copy that does not fit is refused, and nothing changes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-small-"));
  const mounted = await runCommand("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], {
    timeoutMs: 10_000,
  });
  expect(mounted?.exitCode, mounted?.stderr).toBe(0);
  onTestFinished(async () => {
    await runCommand("umount", [directory], { timeoutMs: 10_000 });
    await rm(directory, { recursive: true, force: true });
  });
  const name = freshDatabaseName();
  const client = await openClient();
  await client.db(name).collection("things").insertOne({ a: 1 });
  const launched = {
    LOCKSTEP_DATA_DIRECTORY: directory,
    LOCKSTEP_VERSION: "1.0.0",
    LOCKSTEP_STARTABLE_VERSIONS: '["1.0.0","1.1.0"]',
  };
  Object.assign(process.env, launched);
  const agent = createAgent({
    mongoUrl: urlOf(name),
    agent: "a1",
    version: "1.0.0",
    steps: [],
    initialize: true,
    log: silentLog,
  });
  for (const key of Object.keys(launched)) delete process.env[key];
  await agent.start();
  onTestFinished(() => agent.stop());
  await until("the gate", () => agent.gate.isOpen);
  const fleet = await createFleetClient({ mongoUrl: urlOf(name) });
  onTestFinished(() => fleet.close());
  const before = (await fleet.status()).versions;
  await expect(fleet.upgrade("1.1.0")).rejects.toMatchObject({ code: "disk-full" });
  expect((await fleet.status()).versions).toEqual(before);
});
