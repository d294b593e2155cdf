// Aim: a restore over the live database is a transaction like an upgrade: all agents on the backup's
// version and its data, or all of them where they were; by whoever is left. Method: a fleet of real
// processes, the command line, kill -9, a damaged backup.
import { cp, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

describe("restore over the live database", () => {
  let fleet: TestFleet;
  let first: string;
  /** The data of 1.0.0 and of 1.1.0. */
  let [old, current]: unknown[] = [];
  const backups = (agent: string) => dirname(dirname(dirname(fleet.copyPath(agent, first))));
  const copyTo = async (agent: string, name: string, from = first) => {
    await cp(join(backups(agent), from), join(backups(agent), name), { recursive: true });
    const agents = fleet.client.db("lockstep_things").collection<{ _id: string }>("agents");
    await fleet.until(`${name} is seen on ${agent}`, () =>
      agents.findOne({ _id: agent, backups: name }),
    );
  };
  const lockstep = async (...line: readonly string[]) => {
    const main = resolve("dist/src/cli/main.js");
    const url = ["--mongo-url", fleet.set.url("things")];
    const ran = await runCommand(process.execPath, [main, ...line, ...url], {
      timeoutMs: 120_000,
    });
    return { exitCode: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
  };
  const restore = (...more: readonly string[]) =>
    lockstep("restore", "kept", "--directory", backups("a1"), ...more);
  const upgradeAgain = async () => {
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.ended(upgradeId, "done", "1.1.0");
    expect(await fleet.touched(1)).toEqual([1]);
  };

  beforeAll(async () => {
    fleet = await startTestFleet();
    old = await fleet.digest();
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    first = upgradeId;
    await fleet.ended(first, "done", "1.1.0");
    // Named by hand, it is nobody's to sweep away.
    for (const agent of ["a1", "a2", "a3"]) await copyTo(agent, "kept");
    current = await fleet.digest();
  });
  afterAll(() => fleet?.stop());

  test("refused: no confirmation, a wrong one, another fleet's, during an upgrade; nothing is touched", async () => {
    expect(await restore()).toMatchObject({
      exitCode: 2,
      text: expect.stringContaining("--confirm things"),
    });
    expect((await restore("--confirm", "Things")).exitCode).toBe(2);
    expect(await restore("--confirm", "things", "--fleet", "others")).toMatchObject({
      exitCode: 2,
      text: expect.stringContaining('the fleet "things", got the fleet "others"'),
    });
    expect((await restore("--dry-run")).text).toContain("nothing was written");
    await fleet.hold("load-batch");
    const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
    await fleet.reached("load-batch");
    expect(await restore("--confirm", "things")).toMatchObject({
      exitCode: 1,
      text: expect.stringContaining("upgrade-active"),
    });
    await fleet.fleet.request({ kind: "abort", why: "the test" });
    await fleet.release("load-batch");
    await fleet.turnedBack(upgradeId, "aborted", "1.1.0");
    expect(await fleet.digest()).toEqual(current);
  });

  test("done: everybody on its version and data; then upgraded again", async () => {
    const ran = await restore("--confirm", "things");
    expect(ran).toMatchObject({
      exitCode: 0,
      text: expect.stringContaining("1.1.0 → 1.0.0: done"),
    });
    const { upgrade } = await fleet.fleet.status();
    await fleet.ended(upgrade?.upgradeId ?? "", "done", "1.0.0");
    expect(upgrade?.restoreOf).toBe("kept");
    expect(await fleet.digest()).toEqual(old);
    await upgradeAgain();
  });

  test("the master killed with -9 between two swaps: a successor ends it", async () => {
    await fleet.hold("restore-swap");
    const running = restore("--confirm", "things");
    await fleet.reached("restore-swap");
    const { master } = await fleet.fleet.status();
    process.kill(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
    await fleet.release("restore-swap");
    expect((await running).exitCode).toBe(0);
    expect(await fleet.digest()).toEqual(old);
    await upgradeAgain();
  });

  test("aborted between two swaps: everybody stays, the data is what it was", async () => {
    const before = await fleet.digest();
    await fleet.hold("restore-swap");
    const running = restore("--confirm", "things");
    await fleet.reached("restore-swap");
    await fleet.fleet.request({ kind: "abort", why: "second thoughts" });
    await fleet.release("restore-swap");
    expect((await running).exitCode).toBe(6);
    const { upgrade } = await fleet.fleet.status();
    await fleet.turnedBack(upgrade?.upgradeId ?? "", "aborted", "1.1.0");
    expect(await fleet.digest()).toEqual(before);
  });

  test("held by one host alone that is gone: nobody waits for it, everybody stays", async () => {
    const before = await fleet.digest();
    await copyTo("a2", "only-here", "kept");
    await fleet.hold("load-batch.a2");
    const running = lockstep(
      ...["restore", "only-here", "--directory", backups("a2"), "--confirm", "things"],
    );
    await fleet.reached("load-batch");
    const server = fleet.servers.find(({ name }) => name === "a2");
    await server?.stop();
    expect((await running).exitCode).toBe(6);
    const { upgrade } = await fleet.fleet.status();
    expect(upgrade?.reason?.code).toBe("backup-mismatch");
    await fleet.release("load-batch.a2");
    await server?.start();
    await fleet.ended(upgrade?.upgradeId ?? "", "rolled-back", "1.1.0");
    expect(await fleet.digest()).toEqual(before);
  });

  test("a damaged backup is found before anything is touched", async () => {
    const before = await fleet.digest();
    const { length } = await Promise.all(
      ["a2", "a3"].map((agent) => rm(join(backups(agent), "kept"), { recursive: true })),
    );
    const agents = fleet.client.db("lockstep_things").collection("agents");
    await fleet.until("only a1 holds it", async () => {
      return (await agents.countDocuments({ backups: "kept" })) === 3 - length;
    });
    await fleet.hold("dump-collection");
    const running = restore("--confirm", "things");
    await fleet.reached("dump-collection");
    await writeFile(join(backups("a1"), "kept", "things", "items.bson"), "");
    await fleet.release("dump-collection");
    expect((await running).exitCode).toBe(6);
    const { upgrade } = await fleet.fleet.status();
    await fleet.turnedBack(upgrade?.upgradeId ?? "", "backup-mismatch", "1.1.0");
    expect(await fleet.digest()).toEqual(before);
    expect(await restore("--confirm", "things")).toMatchObject({
      exitCode: 1,
      text: expect.stringContaining("backup-mismatch"),
    });
  });
});
