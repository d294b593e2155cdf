// Aim: the role in docs/rights.md is enough for the whole way, with TLS and SCRAM. Method: the page's own
// script makes the role; a fleet of real processes and the command line log in with nothing else.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Db } from "mongodb";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readEvents } from "../../src/dashboard/page/state/read-events.ts";
import { startDashboard } from "../../src/dashboard/serve.ts";
import { digestDatabase } from "../../src/mongo/catalogue/digest.ts";
import { runCommand } from "../../src/ports/process.ts";
import { documentedRole } from "../support/documented-role.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { secureWith } from "../support/secure.ts";

/** Each kind of collection that asks for rights of its own. */
async function fillWithKinds(database: Db): Promise<void> {
  await database.createCollection("expiring", { validator: { at: { $type: "date" } } });
  await database.collection("expiring").createIndex({ at: 1 }, { expireAfterSeconds: 3_600 });
  await database.collection("expiring").insertOne({ at: new Date() });
  const breaksTheRule = { bypassDocumentValidation: true };
  await database.collection("expiring").insertOne({ at: "no date" }, breaksTheRule);
  await database.createCollection("capped", { capped: true, size: 4_096 });
  await database.collection("capped").insertOne({ a: 1 });
  const timeseries = { timeField: "at", metaField: "place" };
  await database.createCollection("weather", { timeseries, expireAfterSeconds: 1_000_000_000 });
  await database.collection("weather").insertOne({ at: new Date(), place: 1, degrees: 20 });
  await database.collection("weather").createIndex({ place: 1, at: 1 });
  await database.createCollection("few", { viewOn: "items", pipeline: [{ $limit: 3 }] });
}

/** The first frame with the versions that a page gets. */
async function firstFrame(url: string): Promise<{ readonly parts: Record<string, unknown> }> {
  const response = await fetch(`${url}api/stream`);
  for await (const { event, data } of readEvents(response.body as never)) {
    const frame = event === "frame" ? JSON.parse(data) : null;
    if (frame?.parts.versions || frame?.parts.trouble) return frame;
  }
  throw new Error("the stream ended");
}

const password = "s/mall?role";
const beside = "things_before";

describe("a user with the documented role alone", () => {
  let fleet: TestFleet;
  let folder = "";
  /** The data of 1.0.0. */
  let old: unknown;
  const lockstep = async (...line: readonly string[]) => {
    const main = resolve("dist/src/cli/main.js");
    const url = ["--mongo-url", fleet.mongoUrl];
    const ran = await runCommand(process.execPath, [main, ...line, ...url], {
      timeoutMs: 120_000,
    });
    return { exitCode: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
  };
  const done = async (...line: readonly string[]) => {
    const { exitCode, text } = await lockstep(...line);
    expect(exitCode, `${line.join(" ")}: ${text}`).toBe(0);
    return text;
  };
  const digest = (name = "things") => digestDatabase(fleet.client, name);
  const copyOf = (agent: string, id: string) => dirname(dirname(fleet.copyPath(agent, id)));

  let role: Awaited<ReturnType<typeof documentedRole>>;

  beforeAll(async () => {
    role = await documentedRole({ application: "things", restoredBeside: beside });
    folder = await mkdtemp(join(tmpdir(), "lockstep-role-"));
    fleet = await startTestFleet({
      secure: secureWith({ password: "root" }),
      async createUser(root) {
        await fillWithKinds(root.db("things"));
        await root.db("admin").command(role.smallest);
        const user = { createUser: "lockstep", pwd: password, roles: ["lockstep"] };
        await root.db("admin").command(user);
        return { username: "lockstep", password };
      },
      wide: true,
    });
  });
  afterAll(async () => {
    await fleet?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("serves the page and its metrics, plans, and looks at everything", async () => {
    const dashboard = await startDashboard({
      ...{ fleet: fleet.fleet, name: "things", databaseName: "things" },
      pageDirectory: resolve("dist/src/dashboard/page"),
    });
    onTestFinished(() => dashboard.close());
    const frame = await firstFrame(dashboard.url);
    expect(frame.parts["trouble"] ?? null).toBeNull();
    const get = async (path: string) => (await fetch(`${dashboard.url}${path}`)).text();
    expect(JSON.parse(await get("readyz?agent=a1"))).toEqual({ ok: true });
    expect(await get("metrics")).toMatch(/^lockstep_agents.* 3$/m);
    expect(await done("doctor")).toContain(" 0 troubles");
    await done("plan", "1.1.0", "--steps", resolve("dist/test/fixtures/wide-steps.js"));
  });

  test("rehearses, backs up, restores beside", async () => {
    const before = await digest();
    const files = ["--directory", folder];
    const steps = resolve("dist/test/fixtures/wide-steps.js");
    await done("rehearse", "1.1.0", "--steps", steps, ...files);
    await done("backup", "create", "by-hand", ...files);
    await done("restore", "by-hand", "--to-db", beside, ...files);
    expect(await digest(beside)).toEqual(before);
    expect(await digest()).toEqual(before);
  });

  test("upgrades, and turns back with a restore after the migration", async () => {
    old = await digest();
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.ended(upgradeId, "done", "1.1.0");
    expect(await fleet.touched(1)).toEqual([1]);
    const current = await digest();
    const failing = await fleet.fleet.upgrade("1.2.1");
    await fleet.turnedBack(failing.upgradeId, "step-failed", "1.1.0");
    expect(await digest()).toEqual(current);
    for (const agent of ["a1", "a2", "a3"]) {
      await cp(copyOf(agent, upgradeId), copyOf(agent, "kept"), { recursive: true });
    }
  });

  test("restores over the live database, tells its state, lets writers in", async () => {
    const directory = dirname(copyOf("a1", "kept"));
    await done("restore", "kept", "--directory", directory, "--confirm", "things");
    expect(await digest()).toEqual(old);
    expect(await done("status")).toContain("1.0.0");
    expect(await done("history")).toContain("1.2.1");
    expect(await done("allow-writes")).toContain("no upgrade has blocked writers");
    const refused = await lockstep("allow-writes", "--force");
    expect([refused.exitCode, refused.text.includes("rights-missing")], refused.text).toEqual([
      1,
      true,
    ]);
    await fleet.client.db("admin").command(role.more);
    expect(await done("allow-writes", "--force")).toContain("writers are let in again");
  });
});
