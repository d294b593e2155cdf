// Aim: an upgrade can be taken away as a file, shown from it and from the fleet in the same words, and a machine can be
// drawn. Method: the compiled program, on a journal that the core has made, in the control database of a real set.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { replay } from "../../src/cli/commands/pictures/film.ts";
import { sayPlainly } from "../../src/cli/render/words.ts";
import type { Terminal } from "../../src/cli/run.ts";
import { chartOf } from "../../src/diagram/chart.ts";
import { svgOf } from "../../src/diagram/svg/draw.ts";
import { layoutOf } from "../../src/diagram/svg/layout.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import { controlDatabaseName } from "../../src/mongo/database-names.ts";
import { createFleetClient } from "../../src/operator/fleet-client.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { runCommand } from "../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { coordinator, participant, upgradeId, ways } from "../upgrade/protocol/facts.ts";
import { writeMachineModule } from "./machine-module.ts";

const main = resolve("dist/src/cli/main.js");
const database = freshDatabaseName();
const on = ["--mongo-url", urlOf(database)];
let folder = "";
const inFolder = (name: string) => join(folder, name);

const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, out: ran?.stdout ?? "", error: ran?.stderr ?? "" };
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-pictures-"));
  const fleet = await createFleetClient({ mongoUrl: urlOf(database) });
  await fleet.init("1.0.0", { newDatabase: true });
  await fleet.close();
  const client = await new MongoClient(inject("mongoUrl"), { ignoreUndefined: true }).connect();
  const store = createMongoStore({
    ...{ client, databaseName: controlDatabaseName(database), faultPoints: noFaults },
    ...{ clock: systemClock, writeTimeoutMs: 30_000 },
  });
  const secret = "mongodb://admin:hunter2@db/";
  const failed = ways["rolled-back"]?.map((event) =>
    event.type === "migrationFailed"
      ? { ...event, reason: { ...event.reason, message: `no way to ${secret}\u001b[2J` } }
      : event,
  );
  const journal = coordinator(failed ?? []).map((entry) => ({
    ...entry,
    by: "a1",
    build: "1.1.0",
  }));
  const [first] = participant("a1", []);
  for (const entry of [...journal, ...(first ? [{ ...first, at: 2 }] : [])]) {
    await store.append([{ ...entry, at: entry.at * 1_000 }]);
  }
  await store.close();
  await client.close();
});
afterAll(() => rm(folder, { recursive: true }));

const lines = [
  "upgrade u000002  1.0.0 → 1.1.0  1970-01-01 00:00:00 UTC, goes on, 1 agent",
  "      +0.0 s  upgrade  → waiting             begins, driven by a1 in epoch 1, until +0.0 s",
];

describe("lockstep export and replay", () => {
  test("a film is the same from the fleet and from its file; each step is a line with its time", async () => {
    const path = inFolder("film.json");
    expect(await run("export", upgradeId, "--out", path, ...on)).toEqual({
      ...{ code: 0, error: "" },
      out: `upgrade u000002 is in ${path}: \`lockstep replay ${path}\` shows it\n`,
    });
    const printed = await run("export", upgradeId, ...on);
    const [file, text] = [JSON.parse(await readFile(path, "utf8")), JSON.parse(printed.out)];
    expect({ ...text, digest: "", film: { ...text.film, readAt: 0 } }).toEqual({
      ...file,
      ...{ digest: "", film: { ...file.film, readAt: 0 } },
    });
    const [fromFile, fromFleet] = [
      await run("replay", path),
      await run("replay", upgradeId, ...on),
    ];
    expect(fromFile).toEqual(fromFleet);
    expect(fromFile.out.split("\n").slice(0, 2)).toEqual(lines);
    expect(fromFile.out).toContain("rolled-back");
    // Off a terminal nothing waits, and nothing of a journal moves a cursor or tells a password.
    expect(await run("replay", path, "--speed", "0.001")).toEqual(fromFile);
    expect(fromFile.out).toContain("mongodb://***@db/");
    expect(await readFile(path, "utf8")).not.toContain("hunter2");
    expect(fromFile.out).not.toContain("\u001b");
  });

  test("a reader that has seen enough ends the command, and is no failure", async () => {
    const replay = `"${process.execPath}" "${main}" replay "${inFolder("film.json")}"`;
    const shell = `(${replay}; echo "code $?" >&2) | true`;
    const ran = await runCommand("sh", ["-c", shell], { timeoutMs: 60_000 });
    expect(ran?.stderr).toBe("code 0\n");
  });

  test("with a speed a terminal waits before each line, and Ctrl-C ends the wait", async () => {
    const interruption = new AbortController();
    const said: string[] = [];
    const terminal: Terminal = {
      out(text) {
        said.push(text);
        // The line after this one would come in a thousand seconds.
        if (said.length === 2) interruption.abort(new Error("interrupted"));
      },
      question: async () => null,
      explainInterruption() {},
      screen: { paint: () => {}, close: () => {} } as unknown as Terminal["screen"],
      sayWord: sayPlainly,
      signal: interruption.signal,
    };
    const options = { mongoUrl: "", speed: "0.001" };
    await expect(replay(inFolder("film.json"), options, terminal)).rejects.toThrow("interrupted");
    expect(said).toEqual(lines);
  });

  test("--json gives the head, then each step", async () => {
    const { out } = await run("replay", upgradeId, "--json", ...on);
    const told = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told[0]).toMatchObject({
      type: "film",
      upgradeId,
      from: "1.0.0",
      to: "1.1.0",
      actors: 2,
    });
    expect(new Set(told.slice(1).map(({ type }) => type))).toEqual(new Set(["step"]));
    expect(told.filter(({ agent }) => agent === "a1")).toHaveLength(1);
    expect(told.at(-1)).toMatchObject({ state: "rolled-back", outcome: "applied" });
  });

  test("an id that the fleet has not had, a file that is none, cut off, edited or newer: each is refused by name", async () => {
    expect(await run("export", "u000009", ...on)).toMatchObject({
      code: 1,
      error: expect.stringContaining("no-upgrade"),
    });
    expect(await run("export", "nonsense", ...on)).toMatchObject({
      code: 1,
      error: expect.stringContaining('found "nonsense"'),
    });
    const whole = await readFile(inFolder("film.json"), "utf8");
    const refused = async (content: string) => {
      await writeFile(inFolder("bad.json"), content);
      const { code, error } = await run("replay", inFolder("bad.json"), "--json");
      return [code, JSON.parse(error).details.cause];
    };
    expect(await refused(whole.slice(0, 5_000))).toEqual([1, "cut-off"]);
    expect(await refused(whole.replace("rolled-back", "rolled-over"))).toEqual([1, "edited"]);
    expect(await refused(whole.replace('"formatVersion":1', '"formatVersion":2'))).toEqual([
      1,
      "newer",
    ]);
    expect(await refused("no film")).toEqual([1, "not-a-film"]);
    expect(await run("replay", inFolder("gone.json"))).toMatchObject({
      code: 1,
      error: expect.stringContaining("file-trouble"),
    });
    expect(await run("replay", inFolder("film.json"), "--speed", "fast")).toMatchObject({
      code: 2,
    });
  });
});

const moduleOf = (name: string, text: string) => writeMachineModule(inFolder(`${name}.mjs`), text);
const two = `const order = (version, state) => durable(createMachine({ id: "m", initial: state, states: { [state]: {} } }), { name: "order", version });
export const orders = [order("1.0.0", "old"), order("2.0.0", "new")];
export const plain = createMachine({ id: "plain", initial: "a", states: { a: { on: { GO: "b" } }, b: {} } });`;

describe("lockstep diagram", () => {
  test("draws the machines of an upgrade, whole or brief, as SVG or Mermaid", async () => {
    const { code, out } = await run("diagram");
    expect([code, out.slice(0, 4)]).toEqual([0, "<svg"]);
    expect(out).toBe(svgOf(await layoutOf(chartOf(upgradeMachine))));
    const { out: brief } = await run("diagram", "--brief", "--machine", "participant");
    expect(brief).toContain("data-from");
    expect(brief).not.toContain("data-edge");
    const { out: mermaid } = await run(
      "diagram",
      "--machine",
      "participant",
      "--format",
      "mermaid",
    );
    expect(mermaid).toContain("stateDiagram-v2");
    expect(mermaid).toContain("checking_readiness");
  });

  test("draws a user's machine, durable or plain, into a file of the form that its name says", async () => {
    const path = await moduleOf("two", two);
    const [svg, mmd] = [inFolder("order.svg"), inFolder("plain.mmd")];
    expect(await run("diagram", path, "--machine", "order", "--out", svg)).toMatchObject({
      code: 0,
      out: `order is in ${svg}\n`,
    });
    expect(await readFile(svg, "utf8")).toContain('data-state="new"');
    const told = await run("diagram", path, "--machine", "plain", "--out", mmd, "--json");
    expect(JSON.parse(told.out)).toEqual({
      ...{ type: "diagram", formatVersion: 1 },
      machine: "plain",
      format: "mermaid",
      path: mmd,
    });
    expect(await readFile(mmd, "utf8")).toContain("  a --> b: GO");
  });

  test("a module without a machine, with several, or without the one that is named is refused", async () => {
    const path = await moduleOf("several", two);
    const none = await moduleOf("none", "export const nothing = 1;");
    const refused = async (...words: string[]) => {
      const { code, error } = await run("diagram", ...words);
      return [code, error.split("\n")[0]];
    };
    expect(await refused(path)).toEqual([
      2,
      "lockstep: bad-argument: expected one machine, found order, plain: name one of them with --machine",
    ]);
    expect(await refused(path, "--machine", "x")).toEqual([
      2,
      'lockstep: bad-argument: expected --machine to be one of order, plain, found "x": name one of these',
    ]);
    expect((await refused(none))[0]).toBe(2);
    expect((await refused(inFolder("missing.mjs")))[0]).toBe(2);
    expect((await refused("--format", "png"))[0]).toBe(2);
  });
});
