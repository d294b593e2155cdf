// Aim: a copy that is damaged when it is needed never stops the way back while another host holds one;
// with none left an operator decides. Method: real processes held after the migration, files damaged.
import { copyFile, cp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
let before: unknown;
beforeAll(async () => {
  fleet = await startTestFleet();
  before = await fleet.digest();
});
afterAll(() => fleet?.stop());

/** An upgrade whose schema is migrated, held before its local steps fail. */
async function migrated(): Promise<string> {
  await fleet.hold("local-journal");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.1");
  await fleet.reached("local-journal");
  expect(await fleet.touched(1)).toEqual([1]);
  return upgradeId;
}

const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  gone: (path) => rm(path),
  truncated: (path) => truncate(path, 1_000),
  "with one byte flipped": async (path) => {
    const bytes = await readFile(path);
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
    await writeFile(path, bytes);
  },
};

test.each(Object.entries(damages))(
  "the master's copy is %s: another holder restores",
  async (_what, damage) => {
    const upgradeId = await migrated();
    const { master } = await fleet.fleet.status();
    await damage(fleet.copyPath(master?.agent ?? "", upgradeId));
    await fleet.release("local-journal");
    await fleet.ended(upgradeId, "rolled-back", "1.0.0");
    expect(await fleet.digest()).toEqual(before);
  },
);

test("no copy is whole: blocked with the reason; one brought back and retried: rolled back", async () => {
  const upgradeId = await migrated();
  const paths = ["a1", "a2", "a3"].map((agent) => fleet.copyPath(agent, upgradeId));
  const kept = `${paths[0]}.kept`;
  await copyFile(paths[0] as string, kept);
  for (const path of paths) await truncate(path, 1_000);
  await fleet.release("local-journal");
  await fleet.until("blocked", ({ upgrade: now }) => now?.state === "blocked" && now);
  const { upgrade: blocked, agents } = await fleet.fleet.status();
  expect(blocked?.reason).toMatchObject({ code: "backup-mismatch" });
  expect(agents.every(({ gate }) => gate === "shut")).toBe(true);
  for (const path of paths) await copyFile(kept, path);
  await fleet.fleet.request({ kind: "retry" });
  await fleet.ended(upgradeId, "rolled-back", "1.0.0");
  expect(await fleet.digest()).toEqual(before);
});

test("those who hold a copy are gone: who is left is blocked; a copy put there: it restores alone", async () => {
  const [a1, a2, a3] = fleet.servers;
  const folder = dirname(dirname(dirname(fleet.copyPath("a3", "u"))));
  await rm(folder, { recursive: true, force: true });
  await writeFile(folder, "no directory: a3 can make no copy");
  const upgradeId = await migrated();
  const { upgrade: migrating } = await fleet.fleet.status();
  expect(migrating?.copies).toMatchObject({ made: 2, of: 3, missing: [{ agent: "a3" }] });
  const words = [
    resolve("dist/src/cli/main.js"),
    "history",
    "--mongo-url",
    fleet.set.url("things"),
  ];
  const ran = await runCommand(process.execPath, words, { timeoutMs: 60_000 });
  expect(ran?.stdout).toMatch(/ {2}2 of 3 copies \(a3: .+\)/);
  const logs = await Promise.all(fleet.servers.map((server) => server.lastLines(500)));
  expect(
    logs.some((text) =>
      /"level":"?(warn|40).*"made":2,"of":3.*some state servers hold no copy/.test(text),
    ),
  ).toBe(true);
  expect(logs[2]).toContain("this state server could make no copy");
  await Promise.all([a1?.stop(), a2?.stop()]);
  await fleet.release("local-journal");
  const blocked = await fleet.until("blocked", ({ upgrade: now }) =>
    now?.state === "blocked" ? now : null,
  );
  expect(blocked?.reason).toMatchObject({ code: "backup-mismatch" });
  expect((await fleet.fleet.status()).master?.agent).toBe(a3?.name);
  await rm(folder);
  const [source, target] = ["a1", "a3"].map((agent) =>
    dirname(dirname(fleet.copyPath(agent, upgradeId))),
  );
  await cp(source as string, target as string, { recursive: true });
  await fleet.fleet.request({ kind: "retry" });
  await fleet.until("rolled back", ({ upgrade: now }) => now?.state === "rolled-back");
  expect(await fleet.digest()).toEqual(before);
  await Promise.all([a1?.start(), a2?.start()]);
  await fleet.ended(upgradeId, "rolled-back", "1.0.0");
});
