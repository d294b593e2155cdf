// Aim: too little room is refused with figures; backups are kept as long as they are needed.
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { backupsIn, sweepBackups } from "../../src/database/backup/retention.ts";
import { estimatedBytes } from "../../src/database/migration/estimate.ts";
import { silentLog } from "../../src/log.ts";
import {
  oplogWarning,
  readMemberSpace,
  requireMemberSpace,
  spaceNeeded,
} from "../../src/mongo/requirements/space.ts";
import { manifestWith } from "../database/sealed-manifest.ts";
import { withMember } from "../database/setting.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";

const gb = 1024 ** 3;
const member = (host: string, freeBytes: number, totalBytes = 10 * gb) => ({
  host,
  freeBytes,
  totalBytes,
});

test("more data needs more room, in each place", () => {
  const small = spaceNeeded({ dataSizeBytes: gb, storageSizeBytes: gb, indexSizeBytes: 0 });
  const large = spaceNeeded({ dataSizeBytes: 2 * gb, storageSizeBytes: gb, indexSizeBytes: gb });
  expect(small.agentBytes).toBeGreaterThan(1.1 * gb);
  expect(small.restoreBytes).toBeGreaterThan(2 * gb);
  expect(small.memberBytes).toBeGreaterThan(small.restoreBytes + gb);
  for (const key of ["agentBytes", "restoreBytes", "memberBytes"] as const) {
    expect(large[key]).toBeGreaterThan(small[key]);
  }
});

test("each member is asked for it, beyond a reserve; the short ones are named", () => {
  requireMemberSpace([member("a:1", 4 * gb), member("b:1", 4 * gb)], 3 * gb);
  expect(() => requireMemberSpace([member("a:1", 4 * gb), member("b:1", 3 * gb)], 3 * gb)).toThrow(
    expect.objectContaining({
      code: "disk-full",
      details: { neededBytes: 3 * gb, short: [{ host: "b:1", freeBytes: 3 * gb }] },
    }),
  );
});

test("members that share a disk need the sum; one that reports no disk is refused", () => {
  const two = [member("a:1", 6 * gb), member("a:2", 6 * gb)];
  requireMemberSpace(two, 2 * gb);
  expect(() => requireMemberSpace(two, 3 * gb)).toThrow(/a:1.*a:2/);
  expect(() => requireMemberSpace([member("a:1", 0, 0)], 3 * gb)).toThrow(/reports no disk/);
});

test("a member that does not have the database yet says how large its disk is", async () => {
  const client = await openClient();
  const databaseName = freshDatabaseName();
  const found = await readMemberSpace({ client, databaseName, withMember, log: silentLog });
  expect(found.length).toBeGreaterThan(0);
  for (const { totalBytes } of found) expect(totalBytes).toBeGreaterThan(0);
});

test("the last ones are kept, and what is referred to, and what is none of ours", async () => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-kept-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const backup = async (name: string, time: string, backupId = name) => {
    await mkdir(join(root, name, "app"), { recursive: true });
    await writeFile(join(root, name, "app", "x.bson"), "");
    const manifest = manifestWith({ backupId, time });
    await writeFile(join(root, name, "manifest.json"), JSON.stringify(manifest));
  };
  for (const [name, seconds] of [
    ["u1", 5],
    ["u2", 9],
    ["u3", 100],
    ["u4", 20],
  ] as const) {
    await backup(name, `${seconds}:1`);
  }
  await backup("copied", "1:1", "u1");
  await backup("by-hand", "1:1");
  expect(await backupsIn(root)).toEqual(["by-hand", "copied", "u1", "u2", "u3", "u4"]);
  const isOurs = (name: string) => /^u\d+$/.test(name);
  for (const name of ["photos", "u0.partial", "u1.partial", "by-hand.partial"]) {
    await mkdir(join(root, name));
  }
  await writeFile(join(root, "manifest.json"), "{}");
  expect(await sweepBackups(root, { keep: 2, referenced: ["u1"], isOurs })).toEqual([
    "u0.partial",
    "u2",
  ]);
  expect((await readdir(root)).toSorted()).toEqual([
    ...["by-hand", "by-hand.partial", "copied", "manifest.json", "photos"],
    ...["u1", "u1.partial", "u3", "u4"],
  ]);
  expect(await sweepBackups(join(root, "not there"), { keep: 2, referenced: [], isOurs })).toEqual(
    [],
  );
});

test("what an operation is expected to write, from the size of its collection", () => {
  const size = { documents: 1_000, dataBytes: 80_000 };
  expect(estimatedBytes("applyToCollection", size)).toBe(200_000);
  expect(estimatedBytes("removeField", size)).toBe(200_000);
  expect(estimatedBytes("addIndex", size)).toBe(50_000);
  expect(estimatedBytes("renameCollection", size)).toBe(0);
});

test("an oplog that is too short is told, one that may not be asked is not", () => {
  const size = { dataSizeBytes: gb, storageSizeBytes: 0, indexSizeBytes: 0 };
  expect(oplogWarning(gb, size)).toMatch(/oplog holds \d+ bytes, and \d+ would be safe/);
  expect(oplogWarning(2 * gb, size)).toBeNull();
  expect(oplogWarning(null, size)).toBeNull();
});
