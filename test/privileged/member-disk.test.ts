// Aim: members with too little disk refuse an upgrade with figures; a disk that fills in the middle
// turns it back while that still fits. Method: a whole fleet on a small file system of its own (needs
// root to mount it), a filler file.
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const megabyte = 1024 * 1024;

async function mountSmall(megabytes: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-small-"));
  const mounted = await runCommand(
    "mount",
    ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory],
    { timeoutMs: 10_000 },
  );
  expect(mounted?.exitCode, mounted?.stderr).toBe(0);
  onTestFinished(async () => {
    await runCommand("umount", ["-l", directory], { timeoutMs: 10_000 });
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

test("refused before, turned back in the middle, done once there is room", async () => {
  const directory = await mountSmall(3_000);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = directory;
  const fleet = await startTestFleet().finally(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  onTestFinished(() => fleet.stop());
  const filler = join(directory, "filler");
  const leave = async (freeMegabytes: number) => {
    await rm(filler, { force: true });
    const { bavail, bsize } = await statfs(directory);
    const bytes = bavail * bsize - freeMegabytes * megabyte;
    const ran = await runCommand(
      "dd",
      ["if=/dev/zero", `of=${filler}`, "bs=1M", `count=${Math.floor(bytes / megabyte)}`],
      { timeoutMs: 60_000 },
    );
    expect(ran?.exitCode, ran?.stderr).toBe(0);
  };

  await leave(500);
  await expect(fleet.fleet.upgrade("1.1.0")).rejects.toMatchObject({
    code: "disk-full",
    message: expect.stringContaining(fleet.set.members[0]?.host ?? "?"),
  });
  expect((await fleet.fleet.status()).versions.agentVersion).toBe("1.0.0");

  await rm(filler);
  await fleet.hold("add-index");
  const data = await fleet.digest();
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("add-index");
  await leave(400);
  await until("the watch to see it", async () => {
    const logs = await Promise.all(fleet.servers.map((server) => server.lastLines(50)));
    return /"code":"disk-full".*the work under way is stopped/.test(logs.join(""));
  });
  await fleet.release("add-index");
  await fleet.turnedBack(upgradeId, "disk-full", "1.0.0");
  expect(await fleet.digest()).toEqual(data);

  await rm(filler);
  await writeFile(filler, "");
  const again = await fleet.fleet.upgrade("1.1.0");
  await fleet.ended(again.upgradeId, "done", "1.1.0");
});
