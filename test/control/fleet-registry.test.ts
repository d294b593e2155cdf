// Aim: one database has one fleet, and one fleet one database: a second one, by mistake, is refused before it writes
// anything of its own. Method: agents, fleet clients and the compiled program on the real set; of two that start at
// once one is held between its look and its registration.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { registerFleet, requireFleet } from "../../src/control/fleet-registry.ts";
import { createAgent, createFleetClient, createLog } from "../../src/index.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { runCommand } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { holdingFaultPoints } from "../support/holding-fault-points.ts";

const main = resolve("dist/src/cli/main.js");
const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
};

async function namesOf(name: string): Promise<readonly string[]> {
  const { databases } = await (await openClient()).db("admin").admin().listDatabases();
  return databases.map((database) => database.name).filter((one) => one.includes(name));
}

const refusal = (name: string) => ({
  code: "bad-argument",
  message: expect.stringContaining(name),
});

describe("a second fleet on one database", () => {
  test("is refused by init, by each command and by an agent, with the first one's name; nothing of it is there", async () => {
    const name = freshDatabaseName();
    const [first, other] = [`${name}_first`, `${name}_other`];
    const url = ["--mongo-url", urlOf(name)];
    const there = await run("init", "1.0.0", "--new-database", ...url, "--fleet", first);
    expect(there.code, there.text).toBe(0);
    const before = await namesOf(name);
    const folder = await mkdtemp(join(tmpdir(), "lockstep-registry-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const commands = [
      ["init", "1.0.0"],
      ["status"],
      ["history"],
      ["upgrade", "1.1.0"],
      ["backup", "create", "b", "--directory", folder],
    ];
    for (const words of commands) {
      // The default name is another fleet too.
      for (const fleet of [["--fleet", other], []]) {
        const { code, text } = await run(...words, ...url, ...fleet);
        expect([code, text.includes(`the fleet "${first}"`)], `${words}: ${text}`).toEqual([
          2,
          true,
        ]);
      }
    }
    const agent = createAgent({
      ...{ mongoUrl: urlOf(name), fleet: other, agent: "a1", version: "1.0.0", steps: [] },
      ...{ initialize: true, dataDirectory: folder, log: createLog({ level: "silent" }) },
    });
    await expect(agent.start()).rejects.toMatchObject(refusal(first));
    expect(await namesOf(name)).toEqual(before);
    expect((await run("status", ...url, "--fleet", first)).text).toContain("1.0.0");
  });

  test("a name that differs in case only belongs to the database of that fleet", async () => {
    const client = await openClient();
    const name = freshDatabaseName();
    const there = { databaseName: name, controlDatabaseName: `lockstep_${name}` };
    await registerFleet(client, there, noFaults);
    const wanted = {
      databaseName: `${name}_beside`,
      controlDatabaseName: `lockstep_${name.toUpperCase()}`,
    };
    await expect(registerFleet(client, wanted, noFaults)).rejects.toMatchObject(
      refusal(`the fleet "${name}" belongs to the database "${name}", but the URL names`),
    );
  });

  test("at once: one is registered, the other refused, whichever was held between its look and its write", async () => {
    const client = await openClient();
    const name = freshDatabaseName();
    const fleet = (of: string) => ({ databaseName: name, controlDatabaseName: `lockstep_${of}` });
    const held = holdingFaultPoints("register-fleet");
    const late = registerFleet(client, fleet(`${name}_late`), held.faultPoints).then(
      () => "registered",
      (error: { code: string }) => error.code,
    );
    await held.reached;
    await registerFleet(client, fleet(`${name}_first`), noFaults);
    held.release();
    expect(await late).toBe("bad-argument");
    expect(await requireFleet(client, fleet(`${name}_first`))).toBe(true);
  });

  test.each(["another database", "the same in another case"])(
    "a fleet's name that is taken by %s",
    async (kind) => {
      const client = await openClient();
      const [name, control] = [freshDatabaseName(), `lockstep_${freshDatabaseName()}`];
      await registerFleet(client, { databaseName: name, controlDatabaseName: control }, noFaults);
      const databaseName = kind === "another database" ? freshDatabaseName() : name.toUpperCase();
      for (const controlDatabaseName of [control, control.toUpperCase()]) {
        const second = { databaseName, controlDatabaseName };
        await expect(registerFleet(client, second, noFaults)).rejects.toMatchObject(refusal(name));
      }
    },
  );
});

test("registering again is a success, and commands that only read write nothing", async () => {
  const name = freshDatabaseName();
  const client = await openClient();
  const fleet = { databaseName: name, controlDatabaseName: `lockstep_${name}` };
  const reading = await createFleetClient({ mongoUrl: urlOf(name) });
  onTestFinished(() => reading.close());
  await expect(reading.status()).rejects.toMatchObject({ code: "no-version" });
  expect(await requireFleet(client, fleet)).toBe(false);
  expect(await namesOf(name)).toEqual([]);
  await registerFleet(client, fleet, noFaults);
  await registerFleet(client, fleet, noFaults);
  expect(await requireFleet(client, fleet)).toBe(true);
});

test.each([{}, { databaseName: 5, controlDatabaseName: null }, { databaseName: "other" }])(
  "a registration that lacks fields, %j, is named, not tripped over",
  async (registration) => {
    const client = await openClient();
    const name = freshDatabaseName();
    const fleets = client.db("lockstep").collection<{ _id: string; control: string }>("fleets");
    await fleets.insertOne({
      _id: name.toLowerCase(),
      control: `lockstep_${name}`,
      ...registration,
    });
    onTestFinished(async () => {
      await fleets.deleteOne({ _id: name.toLowerCase() });
    });
    for (const command of [["init", "1.0.0"], ["status"]]) {
      const { code, text } = await run(...command, "--mongo-url", urlOf(name));
      expect([code, text]).toEqual([
        1,
        expect.stringMatching(
          /record-broken: the record ".*" of `fleets` .*DatabaseName|databaseName/,
        ),
      ]);
    }
    expect(await namesOf(`lockstep_${name}`)).toEqual([]);
  },
);
