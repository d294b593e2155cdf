// Aim: of two backups by hand under one id one is made, and neither deletes a file of the other. Method: the real set;
// one is held at a write while the other runs.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createBackup } from "../../../src/database/backup/backup.ts";
import { verifyDump } from "../../../src/database/backup/dump/verify-dump.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { holdingFaultPoints } from "../../support/holding-fault-points.ts";
import { createSetting, never, withMember } from "../setting.ts";

test("two backups under one id at once: one is made and proven, the other refused; neither loses a file", async () => {
  const { client, name, control, folder } = await createSetting();
  await client.db(name).collection("things").insertOne({ a: 1 });
  const create = (faultPoints: FaultPoints) =>
    createBackup({
      ...{ client, databaseName: name, control, root: folder, backupId: "b", version: "1.0.0" },
      ...{ withMember, purpose: "a test", clock: systemClock, signal: never, log: silentLog },
      faultPoints,
    });
  // Each has found the id free; one is held where it dumps, or before it claims the folder.
  for (const write of ["claim-folder", "dump-collection", "dump-complete", "backup-proven"]) {
    const held = holdingFaultPoints(write);
    const outcome = (making: Promise<{ backupId: string }>) =>
      making.then(
        ({ backupId }) => backupId,
        (error: { code: string }) => error.code,
      );
    const first = outcome(create(held.faultPoints));
    await held.reached;
    const second = await outcome(create(noFaults));
    held.release();
    expect([await first, second].toSorted(), write).toEqual(["b", "bad-argument"]);
    expect(await readdir(folder), write).toEqual(["b"]);
    expect((await verifyDump(join(folder, "b"))).backupId).toBe("b");
    await rm(join(folder, "b"), { recursive: true });
  }
});
