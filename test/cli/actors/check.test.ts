// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: `lockstep check` finds what living actors would lose by a deploy, and changes nothing. Method: the compiled program
// on the real set, with modules that a user could write.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { silentLog } from "../../../src/log.ts";
import { runCommand } from "../../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../../support/database.ts";
import { writeMachineModule } from "../machine-module.ts";

const main = resolve("dist/src/cli/main.js");
const database = freshDatabaseName();
const on = ["--mongo-url", urlOf(database)];
let folder = "";

const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, "check", ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, out: ran?.stdout ?? "", text: `${ran?.stdout}${ran?.stderr}` };
};

const moduleOf = (name: string, lines: string) =>
  writeMachineModule(join(folder, `${name}.mjs`), lines);

const version = (number: string, state: string, migrate = "{}") =>
  `durable(createMachine({ id: "m", initial: "${state}", states: { ${state}: {} } }), { name: "order", version: "${number}", migrate: ${migrate} })`;

describe("lockstep check", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-check-"));
    const machine = createMachine({ id: "m", initial: "open", states: { open: {} } });
    const order = durable(machine, { name: "order", version: "1.0.0" });
    const client = await new MongoClient(urlOf(database)).connect();
    const engine = await createEngine({ client, database, machines: [order], log: silentLog });
    for (const id of ["o-1", "o-2\u202e"]) await engine.start(order, { id });
    await engine.close();
    await client.close();
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("is safe where each actor has its way", async () => {
    const path = await moduleOf(
      "safe",
      `export const orders = [${version("1.0.0", "open")}, ${version("2.0.0", "opened", '{ "1.0.0": { state: () => "opened" } }')}];`,
    );
    const { code, out, text } = await run(path, ...on);
    expect([code, text]).toEqual([0, expect.stringContaining("order 2.0.0: 2 living actors")]);
    expect(out.trim().split("\n")).toHaveLength(1);
    const json = await run(path, ...on, "--json");
    expect(json.code).toBe(0);
    expect(JSON.parse(json.out)).toEqual({
      ...{ type: "check", formatVersion: 1, machine: "order", version: "2.0.0", database },
      ...{ actors: 2, troubles: 0, omitted: 0, isSafe: true },
    });
  });

  test("lists each trouble, a line each", async () => {
    const path = await moduleOf(
      "unsafe",
      `export default ${version("2.0.0", "opened", '{ "1.0.0": {} }')};`,
    );
    const { code, out } = await run(path, ...on);
    expect(code).toBe(9);
    const [head, first, second, ...more] = out.trim().split("\n");
    expect(head).toMatch(/^order 2\.0\.0: 2 living actors in ".*": 2 troubles$/);
    expect(first).toMatch(
      /^ {2}o-1 {2}1\.0\.0 in open {2}state-lost {2}open: the new version has no state "open"/,
    );
    expect(second).toContain("o-2\\u202e");
    expect(more).toEqual([]);
    const json = await run(path, ...on, "--json");
    expect(json.code).toBe(9);
    const lines = json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({
      ...{ type: "trouble", machine: "order", id: "o-1", version: "1.0.0", state: "open" },
      ...{ trouble: "state-lost", what: "open", message: expect.any(String) },
    });
    expect(lines[2]).toMatchObject({ type: "check", troubles: 2, isSafe: false });
  });

  test("of a database without actors says so, and creates nothing there", async () => {
    const path = await moduleOf("other", `export const order = ${version("2.0.0", "opened")};`);
    const empty = freshDatabaseName();
    const { code, text } = await run(path, ...on, "--database", empty);
    expect([code, text]).toEqual([0, expect.stringContaining("nothing to check")]);
    expect(await (await openClient()).db(empty).listCollections().toArray()).toEqual([]);
  });

  test("refuses wrong arguments", async () => {
    const none = await moduleOf("none", "export const nothing = { machine: 1 };");
    const fails = await moduleOf("fails", "throw new Error('broken module');");
    const twice = await moduleOf(
      "twice",
      `export const machines = [${version("1.0.0", "a")}, ${version("1.0.0", "b")}];`,
    );
    for (const [words, code, says] of [
      [[none, ...on], 2, "exports a durable machine"],
      [[fails, ...on], 2, "broken module"],
      [[join(folder, "gone.mjs"), ...on], 2, "correct MODULE"],
      [[none], 2, "expected the database's URL"],
      [[twice, ...on], 1, "machine-differs"],
      [
        [
          await moduleOf("m", `export const m = ${version("1.0.0", "a")};`),
          ...on,
          "--database",
          "admin",
        ],
        2,
        "database of the server",
      ],
    ] as const) {
      const ran = await run(...words);
      expect([ran.code, ran.text]).toEqual([code, expect.stringContaining(says)]);
    }
  });
});
