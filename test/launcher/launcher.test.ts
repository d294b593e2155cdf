// Aim: the launcher with real children: switches, falls back, remembers, ends what it started.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLauncherVersions } from "../../src/launcher/agent-side.ts";
import { runLauncher } from "../../src/launcher/launcher.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { lockFolder } from "../../src/ports/folder-lock.ts";
import { runCommand } from "../../src/ports/process.ts";
import { createWakeUp } from "../../src/ports/waiting/wake-up.ts";
import { until } from "../support/until.ts";

async function prepare(behaviours: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-launcher-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const command = [process.execPath, resolve("test/launcher/fixtures/child.mjs")];
  const versions: Record<string, object> = {};
  for (const [version, behaviour] of Object.entries(behaviours)) {
    // Long enough for a busy machine to start a child; only who hangs is waited for in full.
    const program = behaviour === "missing" ? [join(directory, "nowhere")] : command;
    versions[version] = { command: program, readyTimeoutMs: behaviour === "hang" ? 3_000 : 30_000 };
    await writeFile(join(directory, `behave.${version}`), behaviour);
  }
  const versionsPath = join(directory, "versions.json");
  await writeFile(versionsPath, JSON.stringify({ default: "1.0.0", versions }));
  const mongoUrlPath = join(directory, "url");
  await writeFile(mongoUrlPath, "mongodb://h1/x\n", { mode: 0o600 });
  const urls = async () => (await readFile(join(directory, "urls"), "utf8")).trim().split("\n");
  const stopping = new AbortController();
  const told: string[] = [];
  const versionsWakeUp = createWakeUp(systemClock);
  const start = () =>
    runLauncher({
      dataDirectory: directory,
      versionsPath,
      mongoUrlPath,
      clock: systemClock,
      log: { ...silentLog, error: (_fields, message) => void told.push(message) },
      signal: stopping.signal,
      versionsWakeUp,
    });
  const starts = async () =>
    (await readFile(join(directory, "starts"), "utf8").catch(() => "")).trim().split("\n");
  return {
    directory,
    told,
    mongoUrlPath,
    urls,
    start,
    starts,
    reread: () => versionsWakeUp.hint(),
    stop: () => stopping.abort(),
  };
}

test("exit 75 switches to the version wanted; it is remembered over a restart", async () => {
  const world = await prepare({ "1.0.0": "become 1.1.0", "1.1.0": "stay" });
  const running = world.start();
  await until("1.1.0", async () => (await world.starts()).includes("1.1.0 2 wanted"));
  world.stop();
  expect(await running).toBe(0);
  expect(await world.starts()).toEqual(["1.0.0 1 wanted", "1.1.0 2 wanted"]);
});

test("its child is an agent, also where the launcher's own environment asks for a description", async () => {
  vi.stubEnv("LOCKSTEP_DESCRIBE", '{"from": "1.0.0", "path": "/nowhere"}');
  onTestFinished(() => void vi.unstubAllEnvs());
  const world = await prepare({ "1.0.0": "stay" });
  const running = world.start();
  await until("1.0.0", async () => (await world.starts())[0] !== "");
  world.stop();
  expect([await running, await world.starts()]).toEqual([0, ["1.0.0 1 wanted"]]);
});

test("each start gets the URL that its file holds; an unreadable file leaves the one read before", async () => {
  const world = await prepare({ "1.0.0": "become 1.1.0", "1.1.0": "crash" });
  const running = world.start();
  await until("1.1.0 tried", async () => (await world.starts()).includes("1.1.0 2 wanted"));
  await writeFile(world.mongoUrlPath, "mongodb://h2/x");
  await until("the next start", async () => (await world.urls()).includes("mongodb://h2/x"));
  await writeFile(world.mongoUrlPath, "");
  await writeFile(join(world.directory, "behave.1.0.0"), "stay");
  await until("the fall-back", async () => (await world.starts()).includes("1.0.0 5 fallen-back"));
  world.stop();
  expect(await running).toBe(0);
  expect((await world.urls()).at(0)).toBe("mongodb://h1/x");
  expect((await world.urls()).at(-1)).toBe("mongodb://h2/x");
  expect(world.told).toContain("the database's URL could not be read, so the earlier one is used");
});

test("a URL's file that cannot be used from the start ends the launcher", async () => {
  const world = await prepare({ "1.0.0": "stay" });
  await rm(world.mongoUrlPath);
  await expect(world.start()).rejects.toMatchObject({ code: "bad-argument" });
  expect(await world.starts()).toEqual([""]);
});

test("a version that never reports ready: the one before comes back and says why", async () => {
  const world = await prepare({ "1.0.0": "become 1.1.0", "1.1.0": "hang" });
  const running = world.start();
  await until("1.1.0 tried", async () => (await world.starts()).includes("1.1.0 2 wanted"));
  await writeFile(join(world.directory, "behave.1.0.0"), "stay");
  await until("the fall-back", async () => (await world.starts()).includes("1.0.0 3 fallen-back"));
  world.stop();
  expect(await running).toBe(0);
});

test("a version that crashes is tried a bounded number of times", async () => {
  const world = await prepare({ "1.0.0": "become 1.1.0", "1.1.0": "crash" });
  const running = world.start();
  await until("1.1.0 tried", async () => (await world.starts()).includes("1.1.0 2 wanted"));
  await writeFile(join(world.directory, "behave.1.0.0"), "stay");
  await until("the fall-back", async () => (await world.starts()).includes("1.0.0 5 fallen-back"));
  world.stop();
  await running;
  const tried = (await world.starts()).filter((line) => line.startsWith("1.1.0"));
  expect(tried).toHaveLength(3);
});

test("a version whose program is not there is a version that does not come up", async () => {
  const world = await prepare({ "1.0.0": "become 1.1.0", "1.1.0": "missing" });
  const running = world.start();
  await until("1.0.0 tried", async () => (await world.starts()).includes("1.0.0 1 wanted"));
  await writeFile(join(world.directory, "behave.1.0.0"), "stay");
  await until("the fall-back", async () => (await world.starts()).includes("1.0.0 5 fallen-back"));
  world.stop();
  expect(await running).toBe(0);
});

test("while its disk is full it starts nothing, and goes on once there is room", async () => {
  const world = await prepare({ "1.0.0": "stay" });
  const partial = join(world.directory, "incarnation.partial");
  await mkdir(partial);
  const running = world.start();
  await until("trouble is told", async () => world.told.includes("no version can be started yet"));
  expect(await world.starts()).toEqual([""]);
  await rm(partial, { recursive: true });
  await until("1.0.0", async () => (await world.starts()).includes("1.0.0 1 wanted"));
  world.stop();
  expect(await running).toBe(0);
});

test("a version that cannot reach the database is not given up for it", async () => {
  const world = await prepare({ "1.0.0": "become 1.1.0", "1.1.0": "away" });
  const running = world.start();
  await until("1.1.0 tried often", async () => (await world.starts()).includes("1.1.0 6 wanted"));
  await writeFile(join(world.directory, "behave.1.1.0"), "stay");
  await until("1.1.0 again", async () => (await world.starts()).length > 6);
  world.stop();
  await running;
  const tried = (await world.starts()).filter((line) => line.startsWith("1.1.0"));
  expect(tried).toHaveLength((await world.starts()).length - 1);
});

test("a process that blocks while it drains is ended, and the version that is wanted is started", async () => {
  const world = await prepare({ "1.0.0": "drain", "1.1.0": "stay" });
  const running = world.start();
  await until("1.0.0", async () => (await world.starts()).includes("1.0.0 1 wanted"));
  const wanted = join(world.directory, "wanted-version");
  await writeFile(wanted, JSON.stringify({ version: "1.1.0" }));
  await until("1.1.0", async () => (await world.starts()).includes("1.1.0 2 wanted"));
  world.stop();
  expect(await running).toBe(0);
});

test("a version that is listed while the agent runs is told to it; a file that is none changes nothing", async () => {
  const world = await prepare({ "1.0.0": "stay", "1.1.0": "stay" });
  const path = join(world.directory, "versions.json");
  const both = await readFile(path, "utf8");
  const { versions, ...rest } = JSON.parse(both) as { versions: Record<string, object> };
  const one = JSON.stringify({ ...rest, versions: { "1.0.0": versions["1.0.0"] } });
  await writeFile(path, one);
  const running = world.start();
  await until("1.0.0", async () => (await world.starts()).includes("1.0.0 1 wanted"));
  await writeFile(path, "{");
  world.reread();
  await until("the trouble", () => world.told.includes("no versions file"));
  await writeFile(path, both);
  world.reread();
  const startable = () => readFile(join(world.directory, "startable"), "utf8").catch(() => "");
  await until("the news", async () => (await startable()) !== "");
  expect(await startable()).toBe("1.0.0,1.1.0\n");
  expect(await world.starts()).toHaveLength(1);
  world.stop();
  expect(await running).toBe(0);
});

test("a versions file with a typing error does not keep the next start away", async () => {
  const world = await prepare({ "1.0.0": "follow 1.1.0", "1.1.0": "stay" });
  const running = world.start();
  await until("1.0.0", async () => (await world.starts()).includes("1.0.0 1 wanted"));
  await writeFile(join(world.directory, "versions.json"), "{");
  await writeFile(join(world.directory, "go"), "");
  await until("1.1.0", async () => (await world.starts()).includes("1.1.0 2 wanted"));
  world.stop();
  expect(await running).toBe(0);
  expect(world.told).toContain("the versions file could not be read, so the earlier one is used");
});

test("a second launcher of one data directory is refused, and the first goes on", async () => {
  const world = await prepare({ "1.0.0": "stay" });
  const running = world.start();
  await until("1.0.0", async () => (await world.starts()).includes("1.0.0 1 wanted"));
  await expect(world.start()).rejects.toMatchObject({ code: "directory-taken" });
  expect(await world.starts()).toHaveLength(1);
  world.stop();
  expect(await running).toBe(0);
});

test("the launcher's last line has the code of the failure that ends it", async () => {
  const world = await prepare({ "1.0.0": "stay" });
  const lock = await lockFolder(world.directory);
  const words = ["--data-directory", world.directory, "--versions", "versions.json"];
  const main = resolve("dist/src/launcher/main.js");
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  await lock.release();
  expect(ran?.exitCode).toBe(1);
  const lines = String(ran?.stdout).trim().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ code: "directory-taken" });
});

test("nothing to fall back to: the launcher ends, and says so by its exit code", async () => {
  const world = await prepare({ "1.0.0": "crash" });
  expect(await world.start()).toBe(1);
  expect(await world.starts()).toHaveLength(3);
});

test("the version to fall back to is written where another one is there, or what is no version", async () => {
  const { directory } = await prepare({});
  const written: string[] = [];
  const { writeDefault } = createLauncherVersions(directory, {
    write(name, act) {
      written.push(name);
      return act();
    },
  });
  const path = join(directory, "default-version");
  for (const version of ["1.0.0", "1.0.0", "1.1.0"]) await writeDefault(version);
  expect(written).toHaveLength(2);
  await writeFile(path, "{");
  await writeDefault("1.1.0");
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ version: "1.1.0" });
});

test("several that write the same version at once: all succeed, and one writes", async () => {
  const { directory } = await prepare({});
  let written = 0;
  const { writeDefault, writeWanted } = createLauncherVersions(directory, {
    write(_name, act) {
      written += 1;
      return act();
    },
  });
  for (const version of ["1.1.0", "1.2.0"]) {
    await Promise.all([1, 2, 3].map(() => writeDefault(version)));
  }
  expect(written).toBe(2);
  await Promise.all(["1.1.0", "1.2.0"].map((version) => writeWanted(version)));
  const path = join(directory, "wanted-version");
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ version: "1.2.0" });
});

test("a versions file that is none", async () => {
  const world = await prepare({});
  await writeFile(join(world.directory, "versions.json"), "{}");
  await expect(world.start()).rejects.toMatchObject({ code: "bad-argument" });
});
