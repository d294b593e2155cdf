// Aim: each line of every command's JSON is as its published schema says, which no field of it lacks. Method: the compiled
// program beside a fleet of real processes, an engine, and journals that the core has written. The schemas are closed here.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMachine } from "xstate";
import { print } from "../../src/cli/input/engine-options.ts";
import type { Terminal } from "../../src/cli/run.ts";
import { createEngine } from "../../src/engine/create-engine.ts";
import { durable } from "../../src/engine/definition/durable.ts";
import { silentLog } from "../../src/log.ts";
import { exited, runCommand, signalProcess, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { linesOf, lineTypesOf, outputNames, schemaTrouble } from "../support/output-schemas.ts";
import { until } from "../support/until.ts";
import { writeMachineModule } from "./machine-module.ts";
import { writtenFleet } from "./written-fleet.ts";

const main = resolve("dist/src/cli/main.js");
let world: TestFleet;
let folder = "";
const inFolder = (name: string) => join(folder, name);
/** The kinds of lines that each output has had, as `upgrade: plan`. */
const seen = new Set<string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-json-"));
  await writeFile(
    inFolder("steps.mjs"),
    `export const steps = [{ name: "one", version: "1.1.0", target: "MasterStateServer",
      description: "counts items", async run(context) {
        await context.applyToCollection("items", { update: [{ $set: { b: 1 } }] });
      } }];`,
  );
  world = await startTestFleet();
});
afterAll(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Notes the kinds of some lines, each of which is as the schema says. */
function note(name: string, text: string) {
  const lines = linesOf(name, text);
  for (const { type } of lines) seen.add(`${name}: ${type ?? "a file"}`);
  return lines;
}

/** Runs a command as a program does, and gives its lines, each of which is as the schema says. */
async function runOn(url: string | null, name: string, ...words: string[]) {
  const path = name.startsWith("backup-") || name.startsWith("actors-") ? name.split("-") : [name];
  const on = url === null ? [] : ["--mongo-url", url];
  const line = [main, ...path, ...words, "--json", ...on];
  const ran = await runCommand(process.execPath, line, { timeoutMs: 120_000 });
  const errors = note("error", ran?.stderr ?? "");
  return { code: ran?.exitCode, errors, lines: note(name, ran?.stdout ?? "") };
}
const run = (name: string, ...words: string[]) => runOn(world.mongoUrl, name, ...words);
const steps = () => ["--steps", inFolder("steps.mjs")];

/** Starts a command that goes on until Ctrl-C. Its end gives its lines. */
function start(name: string, ...words: string[]) {
  const child = startProcess(
    process.execPath,
    [main, name, ...words, "--json", "--mongo-url", world.mongoUrl],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const said = { out: "", error: "" };
  child.stdout?.on("data", (data) => (said.out += data));
  child.stderr?.on("data", (data) => (said.error += data));
  return {
    said,
    async interrupt() {
      signalProcess(child.pid ?? 0, "SIGINT");
      const { code } = await exited(child);
      note("error", said.error);
      return { code, lines: note(name, said.out) };
    },
  };
}

test("a fleet before its first upgrade", async () => {
  expect(await run("init", "1.0.0")).toMatchObject({ code: 0, lines: [{ agentVersion: "1.0.0" }] });
  expect((await run("status")).lines).toMatchObject([{ formatVersion: 1, upgrade: null }]);
  expect(await run("history")).toEqual({ code: 0, errors: [], lines: [] });
  expect((await run("doctor")).lines.at(-1)).toMatchObject({ type: "doctor" });
  expect((await run("explain", "a1")).lines).toMatchObject([{ type: "explanation" }]);
  expect((await run("allow-writes")).lines).toMatchObject([{ lifted: false }]);
  expect((await run("wait", "--for", "serving")).lines.at(-1)).toMatchObject({ reached: true });
});

test("a plan, its file, and the upgrade, which is watched", async () => {
  const watch = start("watch");
  await world.until("the watch", () => watch.said.out.includes("\n"));
  const planned = await run("plan", "1.1.0", ...steps(), "--out", inFolder("plan"));
  expect([planned.code, planned.lines.length]).toEqual([0, 2]);
  expect(schemaTrouble("plan-file", JSON.parse(await readFile(inFolder("plan"), "utf8")))).toBe(
    null,
  );
  const applied = await run("apply", inFolder("plan"), ...steps());
  expect(applied).toMatchObject({ code: 0, errors: [] });
  const { code, lines } = await watch.interrupt();
  expect([code, lines.length > 5]).toEqual([130, true]);
  const refused = await run("upgrade", "9.0.0", ...steps());
  expect(refused).toMatchObject({
    code: 1,
    lines: [{ type: "plan" }],
    errors: [{ type: "error" }],
  });
});

test("an upgrade that is turned back, in the words of each command", async () => {
  await world.hold("local-journal");
  await world.hold("add-index");
  const [accepted] = (await run("upgrade", "1.2.0", "--no-wait")).lines;
  await world.reached("add-index");
  expect((await run("pause", "--why", "a look")).code).toBe(0);
  await world.release("add-index");
  expect((await run("wait", "--for", "paused")).code).toBe(0);
  expect((await run("resume")).code).toBe(0);
  await world.reached("local-journal");
  expect((await run("status")).lines).toMatchObject([{ upgrade: { final: false } }]);
  expect((await run("abort", "--why", "second thoughts")).code).toBe(0);
  await world.release("local-journal");
  expect((await run("wait", "--for", "done")).code).toBe(6);
  await world.turnedBack(accepted.upgradeId, "aborted", "1.1.0");
  const wrong = await run("upgrade", "1.2.4");
  expect([wrong.code, wrong.lines.at(-1)]).toMatchObject([
    6,
    { upgrade: { state: "rolled-back" } },
  ]);
  expect((await run("explain")).lines).toMatchObject([{ causes: [{ docs: expect.any(String) }] }]);
  expect((await run("history")).lines.length).toBe(3);
  const { upgradeId } = accepted;
  expect((await run("export", upgradeId, "--out", inFolder("film"))).code).toBe(0);
  const [film] = (await run("export", upgradeId)).lines;
  expect(schemaTrouble("film-file", film)).toBe(null);
  expect((await run("replay", upgradeId)).lines).toEqual(
    (await runOn(null, "replay", inFolder("film"))).lines.map((line) =>
      line.type === "film" ? { ...line, readAt: expect.any(Number) } : line,
    ),
  );
});

test("backups, a rehearsal, and restores beside and over the live database", async () => {
  const files = ["--directory", inFolder("backups")];
  // Stock mongorestore cannot restore this definition.
  const validator = { $expr: { $ne: ["$a", { $literal: { $oid: "x" } }] } };
  await world.client.db().createCollection("strict", { validator });
  expect((await run("backup-create", "b1", ...files)).code).toBe(0);
  await mkdir(inFolder("backups/b2"));
  await writeFile(inFolder("backups/b2/manifest.json"), "{");
  await writeFile(inFolder("backups/b1/extra"), "");
  await world.client.db().dropCollection("strict");
  const { lines } = await runOn(null, "backup-list", ...files);
  expect(lines.map(({ id, type }) => `${id} ${type}`).toSorted()).toEqual([
    "b1 backup",
    "b2 damaged",
  ]);
  expect((await runOn(null, "backup-show", "b1", ...files)).lines.length).toBeGreaterThan(1);
  expect((await runOn(null, "backup-verify", "b1", ...files)).code).toBe(0);
  const beside = ["restore", "b1", ...files, "--to-db", "beside"] as const;
  expect((await run(...beside, "--dry-run")).lines.at(-1)).toMatchObject({ version: null });
  expect((await run(...beside)).lines.at(-1)).toMatchObject({ type: "restored" });
  const [first] = (await run("history")).lines;
  const copies = dirname(dirname(dirname(world.copyPath("a1", first.upgradeId))));
  for (const agent of ["a1", "a2", "a3"]) {
    const own = dirname(dirname(dirname(world.copyPath(agent, first.upgradeId))));
    await cp(join(own, first.upgradeId), join(own, "kept"), { recursive: true });
    const agents = world.client.db("lockstep_things").collection<{ _id: string }>("agents");
    await world.until(`a copy on ${agent}`, () => agents.findOne({ _id: agent, backups: "kept" }));
  }
  const live = ["restore", "kept", "--directory", copies, "--confirm", "things"] as const;
  expect((await run(...live, "--dry-run")).lines.at(-1)).toMatchObject({ version: "1.0.0" });
  expect(await run(...live)).toMatchObject({ code: 0, errors: [] });
  expect(await run("rehearse", "1.1.0", ...steps(), ...files)).toMatchObject({ code: 0 });
});

test("an agent that is forgotten, the page, and failures", async () => {
  const [, , a3] = world.servers;
  await a3?.kill();
  await world.until("a3 silent", ({ agents }) => agents.some(({ silent }) => silent));
  expect((await run("forget", "a3")).lines).toMatchObject([{ type: "accepted", upgradeId: null }]);
  const page = start("serve", "--port", "0");
  await world.until("the page", () => page.said.out.includes("\n"));
  expect(await page.interrupt()).toMatchObject({ code: 0, lines: [{ type: "serving" }] });
  const unknown = await run("status", "--tiemout", "1s");
  expect([unknown.code, unknown.errors]).toMatchObject([
    2,
    [{ code: "bad-argument", message: expect.stringContaining("Did you mean --timeout?") }],
  ]);
  const away = await runOn("mongodb://127.0.0.1:1/x", "status", "--timeout", "1s");
  expect(away).toMatchObject({ code: 4, lines: [], errors: [{ code: "database-unreachable" }] });
});

test("an upgrade that needs a person", async () => {
  const fleet = await writtenFleet("blocked");
  fleet.accept("it goes on");
  expect((await runOn(fleet.url, "retry")).lines).toMatchObject([{ upgradeId: "u000002" }]);
});

test("the actors of the public engine", async () => {
  const database = freshDatabaseName();
  const client = await openClient();
  const config = {
    id: "m",
    initial: "open",
    states: { open: { on: { PAY: "paid" } }, paid: { after: { 86400000: "open" } } },
  };
  const order = durable(createMachine(config), { name: "order", version: "1.0.0" });
  const engine = await createEngine({ client, database, machines: [order], log: silentLog });
  for (const id of ["o-1", "o-2"]) await engine.start(order, { id });
  await until("the list", async () => (await engine.list()).actors.length === 2);
  await engine.close();
  const moduleOf = (version: string, machine: object, migrate = "{}") =>
    writeMachineModule(
      inFolder(`order-${version}.mjs`),
      `export const order = durable(createMachine(${JSON.stringify(machine)}), { name: "order", version: "${version}", migrate: ${migrate} });`,
    );
  const path = await moduleOf("1.0.0", config);
  const url = urlOf(database);
  const sent = await runOn(url, "actors-send", path, "o-1", '{"type":"PAY"}', "--key", "k");
  expect(sent).toMatchObject({ code: 0, lines: [{ outcome: "applied" }] });
  expect((await runOn(url, "actors-list")).lines.length).toBe(3);
  expect((await runOn(url, "actors-show", "o-1")).lines).toMatchObject([{ state: "paid" }]);
  expect((await runOn(url, "actors-why", "o-1", "--module", path)).code).toBe(0);
  const other = { id: "m", initial: "new", states: { new: {} } };
  const next = await moduleOf("2.0.0", other, '{ "1.0.0": {} }');
  expect(await runOn(url, "check", next)).toMatchObject({ code: 9 });
  expect((await runOn(null, "diagram", path, "--out", inFolder("o.svg"))).code).toBe(0);
  expect((await runOn(null, "diagram", path)).code).toBe(0);
});

test("a notice of a record that cannot be read", () => {
  const said: string[] = [];
  const terminal = { out: (text: string) => said.push(text) } as unknown as Terminal;
  print(terminal, true, { lines: [], objects: [] }, ["an actor cannot be read"]);
  for (const name of ["list", "show", "why", "send"]) note(`actors-${name}`, said.join("\n"));
});

/** Lines that need an accident. exit-codes.test.ts and wait-for-end.test.ts meet them for `upgrade`. */
const elsewhere = new Set([
  ...["apply", "upgrade", "restore"].flatMap((name) => [`${name}: ended`, `${name}: not-serving`]),
  // The notices of all work by hand have one printer.
  "rehearse: notice",
  // dev.test.ts holds each line of its real sets to the schema.
  ...["dev", "member", "notice"].map((type) => `dev: ${type}`),
]);

test("every command that takes --json has its schema, and every kind of line was seen", async () => {
  const { stdout = "" } =
    (await runCommand(process.execPath, [main, "completion", "bash"], { timeoutMs: 60_000 })) ?? {};
  const withJson = [...stdout.matchAll(/^ +"(.+)"\) words="(.*)" ;;$/gm)]
    .filter(([, , words = ""]) => words.split(" ").includes("--json"))
    .map(([, path = ""]) => path.replaceAll(" ", "-"));
  const others = ["error", "film-file", "plan-file"];
  expect([...withJson, ...others].toSorted()).toEqual(outputNames);
  const files = ["film-file", "plan-file"];
  const kinds = outputNames
    .filter((name) => !files.includes(name))
    .flatMap((name) => lineTypesOf(name).map((type) => `${name}: ${type}`));
  expect(kinds.filter((kind) => !seen.has(kind) && !elsewhere.has(kind))).toEqual([]);
});
