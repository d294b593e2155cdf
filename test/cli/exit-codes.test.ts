// Aim: each exit code is reached by a command, and the page lists them all. Method: the compiled program as a process, on
// journals that the core has written, with a master that accepts everything.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createMachine } from "xstate";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { createEngine } from "../../src/engine/create-engine.ts";
import { durable } from "../../src/engine/definition/durable.ts";
import { silentLog } from "../../src/log.ts";
import { exited, runCommand, signalProcess, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { linesOf } from "../support/output-schemas.ts";
import { until } from "../support/until.ts";
import { writeMachineModule } from "./machine-module.ts";
import { writtenFleet } from "./written-fleet.ts";

const main = resolve("dist/src/cli/main.js");

/** Runs a command with `--json`, and gives its exit code and its last line, which is as its schema says. */
async function run(url: string, name: string, ...words: string[]) {
  const line = [main, name, ...words, "--json", "--mongo-url", url];
  const ran = await runCommand(process.execPath, line, { timeoutMs: 60_000 });
  const lines = [...linesOf(name, ran?.stdout ?? ""), ...linesOf("error", ran?.stderr ?? "")];
  return { code: ran?.exitCode, last: lines.at(-1) };
}

const waitForDone = ["wait", "--for", "done"] as const;

/** Each exit code, and a command that ends with it. */
const ways: Readonly<Record<keyof typeof exitCodes, () => Promise<object>>> = {
  done: async () => run((await writtenFleet("done")).url, ...waitForDone),
  failed: () => run(urlOf(freshDatabaseName()), "status"),
  usage: () => run(urlOf(freshDatabaseName()), "wait", "--for", "never"),
  unreachable: () => run("mongodb://127.0.0.1:1/x", "status", "--timeout", "1s"),
  waitTimedOut: async () =>
    run((await writtenFleet("migrating")).url, ...waitForDone, "--timeout", "1s"),
  rolledBack: async () => run((await writtenFleet("rolled-back")).url, ...waitForDone),
  blocked: async () => run((await writtenFleet("blocked")).url, ...waitForDone),
  async notServing() {
    const fleet = await writtenFleet("done");
    fleet.accept("accepted as u000002");
    const { code, last } = await run(fleet.url, "upgrade", "1.1.0", "--serving-timeout", "1s");
    expect(last).toMatchObject({ type: "not-serving", agents: [{ agent: "a1" }, { agent: "a2" }] });
    return { code };
  },
  async unsafe() {
    const [database, client] = [freshDatabaseName(), await openClient()];
    const folder = await mkdtemp(join(tmpdir(), "lockstep-exit-codes-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const machine = createMachine({ id: "m", initial: "open", states: { open: {} } });
    const order = durable(machine, { name: "order", version: "1.0.0" });
    const engine = await createEngine({ client, database, machines: [order], log: silentLog });
    await engine.start(order, { id: "o-1" });
    await engine.close();
    const lines = `export const order = durable(createMachine({ id: "m", initial: "other", states: { other: {} } }), { name: "order", version: "2.0.0", migrate: { "1.0.0": {} } });`;
    return run(urlOf(database), "check", await writeMachineModule(join(folder, "m.mjs"), lines));
  },
  async interrupted() {
    const { url } = await writtenFleet("migrating");
    const words = [main, "watch", "--json", "--mongo-url", url];
    const child = startProcess(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
    const said = { out: "", error: "" };
    child.stdout?.on("data", (data) => (said.out += data));
    child.stderr?.on("data", (data) => (said.error += data));
    await until("a line", () => said.out.includes("\n"));
    signalProcess(child.pid ?? 0, "SIGINT");
    const { code } = await exited(child);
    expect(linesOf("error", said.error)).toMatchObject([{ type: "interrupted" }]);
    return { code };
  },
};

test.each(Object.entries(exitCodes))("%s: exit code %d", async (name, code) => {
  expect(await ways[name as keyof typeof exitCodes]()).toMatchObject({ code });
});

test("the page lists each exit code, and no other", async () => {
  const page = await readFile("docs/operations.md", "utf8");
  const [, section = ""] = /^## Exit codes\n([\s\S]*?)^## /m.exec(page) ?? [];
  const listed = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(listed).toEqual(Object.values(exitCodes));
});
