// Aim: too little disk for the copy is told with figures before anything is written. Method: an agent
// whose data directory is a small file system of its own (needs root to mount it).
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { appendDumpFile } from "../../src/database/backup/dump/dump-files.ts";
import { verifyDump } from "../../src/database/backup/dump/verify-dump.ts";
import { backupsIn } from "../../src/database/backup/retention.ts";
import { createAgent, createFleetClient } from "../../src/index.ts";
import { silentLog } from "../../src/log.ts";
import { digestDatabase } from "../../src/mongo/catalogue/digest.ts";
import { runCommand } from "../../src/ports/process.ts";
import { createSetting, takeCopy } from "../database/setting.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

/** A directory on a file system of one megabyte. */
async function smallDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-small-"));
  const mounted = await runCommand("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], {
    timeoutMs: 10_000,
  });
  expect(mounted?.exitCode, mounted?.stderr).toBe(0);
  onTestFinished(async () => {
    await runCommand("umount", [directory], { timeoutMs: 10_000 });
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

test("a disk that fills in the middle of a dump: told as such, and there is no copy", async () => {
  const directory = await smallDirectory();
  const setting = await createSetting();
  const rows = Array.from({ length: 3_000 }, (_, n) => ({ n, text: "x".repeat(1_000) }));
  await setting.client.db(setting.name).collection("things").insertMany(rows);
  const copy = join(directory, "copy");
  await expect(takeCopy(setting, copy)).rejects.toMatchObject({ code: "disk-full" });
  // The rest of it would take the room that is missing.
  expect(await readdir(directory)).toEqual([]);
  await expect(verifyDump(copy)).rejects.toMatchObject({ code: "backup-mismatch" });
  expect(await backupsIn(directory)).toEqual([]);
  const { things } = await digestDatabase(setting.client, setting.name);
  expect(things?.count).toBe(3_000);
});

test("what a nearly full disk takes in part has failed, though it says nothing of it", async () => {
  const directory = await smallDirectory();
  const path = join(directory, "things.bson");
  const handle = await open(path, "w");
  onTestFinished(() => handle.close());
  const chunk = new Uint8Array(700_000);
  await appendDumpFile(handle, chunk, false);
  await expect(appendDumpFile(handle, chunk, false)).rejects.toMatchObject({ code: "ENOSPC" });
});

test("a copy that does not fit is refused, and nothing changes", async () => {
  const directory = await smallDirectory();
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
