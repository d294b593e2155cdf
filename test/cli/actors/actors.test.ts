// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: `lockstep actors` shows the actors of an engine, sends an event once somebody agrees, and changes nothing else.
// Method: the compiled program on the real set, with a module as a user writes it; a real terminal (`script`).
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { silentLog } from "../../../src/log.ts";
import { exited, runCommand, startProcess } from "../../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../../support/database.ts";
import { until } from "../../support/until.ts";
import { writeMachineModule } from "../machine-module.ts";

const main = resolve("dist/src/cli/main.js");
const database = freshDatabaseName();
const on = ["--mongo-url", urlOf(database)];
const evil = "o-3\u202e";
let folder = "";
let orders = "";

const run = async (...words: string[]) => {
  const line = [main, "actors", ...words];
  const ran = await runCommand(process.execPath, line, { timeoutMs: 60_000 });
  return { code: ran?.exitCode, out: ran?.stdout ?? "", error: ran?.stderr ?? "" };
};
const runJson = async (...words: string[]) => {
  const { out, code } = await run(...words, ...on, "--json");
  const lines = out.trim().split("\n");
  return { code, lines: lines.map((line) => JSON.parse(line)) };
};

const config = {
  id: "m",
  context: { cents: 3 },
  initial: "open",
  states: {
    open: { tags: ["new"], on: { PAY: "paid", BREAK: { guard: "broken", target: "paid" } } },
    paid: { after: { 86400000: "gone" } },
    gone: { type: "final" },
  },
};
const guards = 'guards: { broken: () => { throw new Error("no \\u001b[2J"); } }';

const moduleOf = (name: string, version: string, rest = "") =>
  writeMachineModule(
    join(folder, `${name}.mjs`),
    `const machine = createMachine(${JSON.stringify(config)}).provide({ ${guards} });
export const order = durable(machine, { name: "${name}", version: "${version}"${rest} });`,
  );

/** All documents of the engine, but for the leases. */
async function written(): Promise<unknown> {
  const db = (await openClient()).db(database);
  const names = (await db.listCollections().toArray()).map(({ name }) => name).toSorted();
  const documents = names.map((name) => db.collection(name).find().sort({ _id: 1 }).toArray());
  const indexes = names.map((name) => db.collection(name).indexes());
  return [names, await Promise.all(documents), await Promise.all(indexes)];
}

/** Runs `actors send` on a real terminal, and types this answer. */
async function typed(answer: string, ...words: string[]) {
  const line = ["actors", "send", ...words, ...on].map((word) => `'${word}'`).join(" ");
  const child = startProcess(
    "script",
    ["-qec", `${process.execPath} ${main} ${line}`, "/dev/null"],
    { env: { ...process.env, TERM: "xterm" } },
  );
  let text = "";
  child.stdout?.on("data", (data: Buffer) => {
    text += data.toString();
  });
  await until("the question", () => text.includes("to go on:"));
  child.stdin?.write(`${answer}\r`);
  const { code } = await exited(child);
  return { code, text };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-actors-"));
  orders = await moduleOf("order", "1.0.0");
  const broken = () => false;
  const machine = createMachine(config as any).provide({ guards: { broken } } as any) as any;
  const order = durable(machine, { name: "order", version: "1.0.0" }) as any;
  const client = await new MongoClient(urlOf(database)).connect();
  const engine = await createEngine({ client, database, machines: [order], log: silentLog });
  for (const id of ["o-1", "o-2", evil]) await engine.start(order, { id });
  await until("the list", async () => (await engine.list()).actors.length === 3);
  await engine.close();
  await client.close();
});
afterAll(() => rm(folder, { recursive: true }));

describe("lockstep actors", () => {
  test("list, show and why read an engine, and write nothing", async () => {
    const before = await written();
    const list = await run("list", ...on);
    const lines = list.out.trim().split("\n");
    expect([list.code, lines.length], list.error).toEqual([0, 4]);
    expect(lines[0]).toMatch(/^o-1 +order 1\.0\.0 {2}open +since .* UTC \(.* ago\)$/);
    expect(lines[2]).toContain("o-3\\u202e");
    expect(lines[3]).toMatch(/^3 actors in ".*"; no worker is alive for them: the list/);
    const json = await runJson("list", "--machine", "order", "--state", "open", "--limit", "2");
    expect(json.lines).toMatchObject([
      { type: "listed-actor", id: "o-1", machine: "order", tags: ["new"], due: null },
      { type: "listed-actor", id: "o-2" },
      { type: "actors", count: 2, next: "o-2", staleMs: 30_000, workers: 0, database },
    ]);
    const rest = await runJson("list", "--after", "o-2", "--tag", "new", "--machine", "order");
    expect(rest.lines.map(({ id }) => id)).toEqual([evil, undefined]);
    const none = await run("list", "--status", "error", "--waiting-since", "1h", ...on);
    expect([none.code, none.out]).toEqual([0, expect.stringMatching(/^no actor matches/)]);
    const shown = await run("show", evil, ...on);
    expect(shown.out).not.toContain("\u202e");
    expect(shown.out).toContain("context { cents: 3 }");
    expect((await runJson("show", "o-1")).lines).toMatchObject([
      { type: "actor", id: "o-1", state: "open", revision: 0, context: { cents: 3 }, timers: [] },
    ]);
    expect((await run("why", "o-1", ...on)).out).toContain("not known without the machine");
    expect((await runJson("why", "o-1", "--module", orders)).lines).toMatchObject([
      { type: "why", id: "o-1", events: ["BREAK", "PAY"], worker: null, isStuck: false },
    ]);
    expect(await written()).toEqual(before);
  });

  test("send asks on a terminal, prints the outcome, and its exit code says whether the event counts", async () => {
    const pay = '{"type":"PAY"}';
    const no = await typed("no", orders, "o-2", pay);
    expect([no.code, no.text.includes("nothing was asked for")], no.text).toEqual([2, true]);
    expect(no.text).toContain(`o-2 in "${database}" (order 1.0.0, in open) gets ${pay}; type`);
    const broken = await run("send", orders, "o-2", '{"type":"BREAK"}', "--yes", ...on);
    expect([broken.code, broken.out]).toEqual([
      1,
      expect.stringMatching(/^rejected: o-2 stays in open, revision 1: event-rejected: .*\\u001b/),
    ]);
    const yes = await typed("yes", orders, "o-2", pay);
    expect([yes.code, yes.text]).toEqual([
      0,
      expect.stringContaining("applied: o-2 is in paid, revision 2"),
    ]);
    expect((await run("why", "o-2", ...on)).out).toContain("none owns it: its timers and its work");
    const ignored = await run("send", orders, "o-2", pay, ...on);
    expect([ignored.code, ignored.out]).toEqual([
      1,
      expect.stringMatching(/^ignored: o-2 .*takes/),
    ]);
    const keyed = () => runJson("send", orders, "o-1", pay, "--key", "k-1");
    expect(await keyed()).toMatchObject({
      ...{ code: 0, lines: [{ type: "sent", id: "o-1", outcome: "applied", migratesTo: null }] },
    });
    expect(await keyed()).toMatchObject({ code: 0, lines: [{ outcome: "duplicate" }] });
  });

  test("send says that a newer module migrates the actor, and does so", async () => {
    const next = await moduleOf("order", "2.0.0", ', migrate: { "1.0.0": {} }');
    const { code, text } = await typed("yes", next, evil, '{"type":"PAY"}');
    expect([code, text]).toEqual([0, expect.stringContaining("which migrates it to 2.0.0")]);
    expect((await runJson("show", evil)).lines[0]).toMatchObject({ version: "2.0.0", revision: 2 });
    await moduleOf("order", "1.0.0");
  });

  test("refuses what it cannot do, and creates nothing", async () => {
    const other = await moduleOf("other", "1.0.0");
    const empty = freshDatabaseName();
    const pay = '{"type":"PAY"}';
    for (const [words, code, says] of [
      [["show", "o-7", ...on], 1, "unknown-actor"],
      [["send", orders, "o-7", pay, "--yes", ...on], 1, "unknown-actor"],
      [["send", other, "o-1", pay, "--yes", ...on], 1, 'export the machine "order"'],
      [["send", orders, "o-1", "{type:PAY}", "--yes", ...on], 2, "in single quotes"],
      [["send", orders, "o-1", '{"type":"xstate.x"}', "--yes", ...on], 2, "belong to XState"],
      [["send", join(folder, "gone.mjs"), "o-1", pay, "--yes", ...on], 2, "correct MODULE"],
      [["list", "--machine", "odrer", ...on], 1, '"odrer" beside order'],
      [["list", "--state", "open", ...on], 2, "expected a machine beside the state"],
      [["list", "--limit", "0", ...on], 2, "from 1 to 1000"],
      [["list", "--status", "over", ...on], 2, "Allowed choices"],
      [["list", "--machin", "order", ...on], 2, "--machine"],
      [["list", "--database", empty, ...on], 2, "expected an engine in the database"],
      [["send", orders, "o-1", pay, "--yes", "--database", empty, ...on], 2, "expected an engine"],
      [["list", "--database", "admin", ...on], 2, "database of the server"],
      [["list"], 2, "expected the database's URL"],
    ] as const) {
      const ran = await run(...words);
      expect([words, ran.code, ran.error]).toEqual([words, code, expect.stringContaining(says)]);
    }
    expect(await (await openClient()).db(empty).listCollections().toArray()).toEqual([]);
    const { error } = await run("show", "o-7", ...on, "--json");
    expect(JSON.parse(error)).toMatchObject({ type: "error", code: "unknown-actor" });
  });
});
